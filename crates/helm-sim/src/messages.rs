use helm_core::TaskId;

use crate::random::bits;

/// What users say: templates with slots, by task.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    seed: u64,
}

const SUPPORT: [&str; 14] = [
    "How do I reset the password of my {thing}?",
    "My {thing} does not start any more. What can I do?",
    "Where can I find the invoice for the {thing}?",
    "The {thing} I ordered has not arrived yet.",
    "Can I return a {thing} after thirty days?",
    "Why does my {thing} show an error when I sign in?",
    "I was charged twice for one {thing}.",
    "How can I change the delivery address for my {thing}?",
    "Is there a warranty on the {thing}?",
    "The screen of my {thing} stays black.",
    "How do I connect the {thing} to the network at home?",
    "My {thing} is very slow since the last update.",
    "How do I cancel the subscription of the {thing}?",
    "Which cable does the {thing} need?",
];
const TUTOR: [&str; 14] = [
    "Why is {topic} important?",
    "I do not understand {topic}. Can you explain it?",
    "What is the difference between {topic} and chance?",
    "How did people discover {topic}?",
    "Can you quiz me on {topic}?",
    "What should I learn before {topic}?",
    "How is {topic} used in daily life?",
    "Which mistakes do beginners make with {topic}?",
    "Is there an easy way to remember {topic}?",
    "My teacher says {topic} is simple, but I am lost.",
    "How do I prepare for a test about {topic}?",
    "What does {topic} have to do with history?",
    "Could you check what I wrote about {topic}?",
    "What comes after {topic} in the course?",
];
const WRITING: [&str; 14] = [
    "Please improve the opening of my {text}.",
    "How long should a {text} be?",
    "Give me ideas for a {text} about autumn.",
    "My {text} sounds dull. What can I change?",
    "How do I end a {text}?",
    "Is the tone of this {text} too cold?",
    "Which title suits a {text} about travelling?",
    "How do I structure a {text}?",
    "I keep repeating words in my {text}.",
    "Can you shorten the middle of my {text}?",
    "What makes a {text} convincing?",
    "How do I write a {text} to somebody I do not know?",
    "My {text} has no clear point yet.",
    "How do I begin a {text} without a cliché?",
];
const OTHER: [&str; 3] = [
    "What do you think about {topic}?",
    "Please tell me more about {topic}.",
    "How would you begin with {topic}?",
];
const SLOTS: [(&str, &[&str]); 3] = [
    ("{thing}", &["router", "laptop", "printer", "phone", "camera", "tablet", "headset", "monitor"]),
    (
        "{topic}",
        &[
            "photosynthesis",
            "fractions",
            "gravity",
            "grammar",
            "probability",
            "evolution",
            "algebra",
            "magnetism",
        ],
    ),
    ("{text}", &["letter", "essay", "story", "speech", "report", "poem", "summary", "application"]),
];

impl Messages {
    /// Messages that derive from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// What this user says about this task in this turn. `support`, `tutor` and `writing` have messages of
    /// their own; other tasks have a few general ones.
    #[must_use]
    pub fn message(&self, task: &TaskId, user: usize, turn: u64) -> String {
        let templates: &[&str] = match task.as_str() {
            "support" => &SUPPORT,
            "tutor" => &TUTOR,
            "writing" => &WRITING,
            _ => &OTHER,
        };
        let draw = bits(self.seed, &[user as u64, turn]);
        let template = pick(templates, draw);
        SLOTS.iter().fold(template.to_owned(), |message, (slot, words)| {
            message.replace(slot, pick(words, draw >> 32))
        })
    }
}

fn pick<'a>(from: &[&'a str], draw: u64) -> &'a str {
    let index = draw % from.len().max(1) as u64;
    from.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or_default()
}
