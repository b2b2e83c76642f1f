/// The style of an answer by simple signs, each from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct StyleFeatures {
    /// 1 for at most 15 words, 0 for 80 and more.
    pub brevity: f64,
    /// The share of lines that begin with a number or a bullet.
    pub structure: f64,
    /// Words of warmth and encouragement: one counts half, two count fully.
    pub warmth: f64,
    /// Words of formal writing: one counts half, two count fully.
    pub formality: f64,
    /// Whether there is an example.
    pub example: f64,
    /// Whether it ends by asking back.
    pub question: f64,
}

const WARM: [&str; 8] =
    ["glad", "great", "you can do", "happy to", "right track", "wonderful", "well done", "love"];
const FORMAL: [&str; 8] = [
    "regarding",
    "furthermore",
    "therefore",
    "in conclusion",
    "advisable",
    "consequently",
    "aspects",
    "firstly",
];
const EXAMPLE: [&str; 3] = ["for example", "for instance", "e.g."];

impl StyleFeatures {
    /// Reads an answer.
    #[must_use]
    pub fn of(answer: &str) -> Self {
        let lower = answer.to_lowercase();
        let count = |signs: &[&str]| signs.iter().filter(|sign| lower.contains(*sign)).count() as f64;
        let words = answer.split_whitespace().count() as f64;
        let lines: Vec<&str> = answer.lines().filter(|line| !line.trim().is_empty()).collect();
        let listed = lines.iter().filter(|line| is_listed(line)).count() as f64;
        Self {
            brevity: ((80.0 - words) / 65.0).clamp(0.0, 1.0),
            structure: if lines.len() < 2 { 0.0 } else { listed / lines.len() as f64 },
            warmth: (count(&WARM) / 2.0).min(1.0),
            formality: (count(&FORMAL) / 2.0).min(1.0),
            example: count(&EXAMPLE).min(1.0),
            question: if answer.trim_end().ends_with('?') { 1.0 } else { 0.0 },
        }
    }

    pub(crate) fn as_array(&self) -> [f64; 6] {
        [self.brevity, self.structure, self.warmth, self.formality, self.example, self.question]
    }
}

fn is_listed(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.split(['.', ')']).next().unwrap_or_default();
    let numbered = !number.is_empty() && number.len() < 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    line.starts_with(['-', '*', '•']) || (numbered && line.len() > number.len())
}
