use super::style::Style;

/// Words that say nothing about the subject.
const COMMON: [&str; 64] = [
    "about", "after", "again", "also", "and", "answer", "any", "are", "because", "been", "before", "being",
    "but", "can", "could", "does", "doing", "explain", "for", "from", "get", "give", "has", "have", "help",
    "here", "how", "into", "just", "keep", "know", "like", "make", "more", "need", "not", "our", "out",
    "please", "should", "some", "tell", "than", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "want", "was", "were", "what", "when", "where", "which", "who", "why", "will", "with",
    "you",
];

/// An answer in this style about the content words of `question`.
pub(super) fn compose(style: &Style, question: &str) -> String {
    let subject = Subject::of(question);
    let mut parts = Vec::new();
    if style.warm {
        parts.push("Great question, and you are on the right track!".to_owned());
    }
    parts.push(match (style.steps, style.deep || style.formal, style.brief) {
        (true, _, _) => steps(&subject),
        (_, true, _) => depth(&subject),
        (_, _, true) => brief(&subject),
        _ => plain(&subject),
    });
    if style.example {
        parts.push(format!(
            "For example, somebody who had the same wish about {} first wrote down what they saw, and found that {} was the part that mattered.",
            subject.all, subject.second
        ));
    }
    if style.warm {
        parts.push(format!("You can do this, and I am glad to help you with {} at any time.", subject.first));
    }
    if style.question {
        parts.push(format!("What do you think would change if {} were different?", subject.second));
    }
    parts.join(if style.steps { "\n" } else { " " })
}

fn brief(subject: &Subject) -> String {
    format!("For {}, check {} first. Then confirm {}.", subject.all, subject.first, subject.second)
}

fn plain(subject: &Subject) -> String {
    format!(
        "With {all}, it is best to begin with {first}, because the rest depends on it. After that look at {second} and see whether it fits. If something is still open, tell me what you see.",
        all = subject.all,
        first = subject.first,
        second = subject.second
    )
}

fn steps(subject: &Subject) -> String {
    format!(
        "Here is a way to deal with {}:\n1. Look at {} and note what you see.\n2. Compare it with what you expect of {}.\n3. Change one thing and look again.\n4. Write down what worked.",
        subject.all, subject.first, subject.second
    )
}

fn depth(subject: &Subject) -> String {
    format!(
        "Regarding {all}, several aspects should be considered. Firstly, {first} determines the general conditions, and it is therefore advisable to establish its present state before anything else is undertaken. Secondly, {second} follows from these conditions; its behaviour can be understood only in relation to them. Furthermore, the circumstances in which {all} arises ought to be documented, since similar cases may then be resolved consistently. In conclusion, a careful examination of {first} and of {second} provides a reliable basis for the decision.",
        all = subject.all,
        first = subject.first,
        second = subject.second
    )
}

/// What a question is about.
struct Subject {
    all: String,
    first: String,
    second: String,
}

impl Subject {
    fn of(question: &str) -> Self {
        let words = question.split(|char: char| !(char.is_alphanumeric() || char == '\'' || char == '-'));
        let mut content: Vec<&str> = Vec::new();
        for word in words.filter(|word| word.chars().count() > 2) {
            let lower = word.to_lowercase();
            if !COMMON.contains(&lower.as_str()) && !content.contains(&word) {
                content.push(word);
            }
            if content.len() == 6 {
                break;
            }
        }
        let first = content.first().copied().unwrap_or("your question");
        let second = content.get(1).copied().unwrap_or(first);
        let all = if content.is_empty() { first.to_owned() } else { content.join(" ") };
        Self { all, first: first.to_owned(), second: second.to_owned() }
    }
}
