/// The manner that a system prompt asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Style {
    pub(super) brief: bool,
    pub(super) steps: bool,
    pub(super) warm: bool,
    pub(super) formal: bool,
    pub(super) deep: bool,
    pub(super) example: bool,
    pub(super) question: bool,
}

impl Style {
    /// Reads a prompt by its words.
    pub(super) fn of(prompt: &str) -> Self {
        let prompt = prompt.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| prompt.contains(word));
        Self {
            brief: says(&[
                "concise",
                "brief",
                "short",
                "at most one sentence",
                "at most two sentences",
                "at most three sentences",
            ]),
            steps: says(&["step by step", "numbered", "list", "bullet"]),
            warm: says(&["warm", "friendly", "encourag", "kind"]),
            formal: says(&["formal", "professional"]),
            deep: says(&["in depth", "thorough", "detail"]),
            example: says(&["example", "analogy"]),
            question: says(&["question", "socratic"]),
        }
    }
}
