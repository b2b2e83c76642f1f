use crate::error::{Error, Result};

/// What an answer is judged by: a question, and what each level means, the worst first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rubric {
    question: String,
    levels: Vec<String>,
}

/// How many levels a rubric may have: more are not told apart.
const LEVELS: std::ops::RangeInclusive<usize> = 2..=10;

impl Rubric {
    /// A rubric of two to ten levels.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] for another number of levels, and for a question or a level without words.
    pub fn new<L: Into<String>>(
        question: impl Into<String>,
        levels: impl IntoIterator<Item = L>,
    ) -> Result<Self> {
        let (question, levels): (String, Vec<String>) =
            (question.into(), levels.into_iter().map(Into::into).collect());
        let refuse = |message: &str| Err(Error::InvalidSpec { message: message.to_owned() });
        if !LEVELS.contains(&levels.len()) {
            return refuse("a rubric needs two to ten levels");
        }
        if question.trim().is_empty() || levels.iter().any(|level| level.trim().is_empty()) {
            return refuse("a rubric needs a question, and words for each level");
        }
        Ok(Self { question, levels })
    }

    /// How helpful the answer is, from 1 to 5.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn helpfulness() -> Result<Self> {
        Self::new(
            "How well does the answer do what the user asked? Correctness and completeness count; length, politeness and \
             formatting do not.",
            [
                "It does not do what was asked, is wrong, or does harm.",
                "It does a small part of what was asked, or contains serious mistakes.",
                "It does about half of what was asked, or contains some mistakes.",
                "It does what was asked with small flaws.",
                "It does all that was asked, correctly and to the point.",
            ],
        )
    }

    /// The question.
    #[must_use]
    pub fn question(&self) -> &str {
        &self.question
    }

    /// What each level means, the worst first.
    #[must_use]
    pub fn levels(&self) -> &[String] {
        &self.levels
    }

    /// A level, from 1, on the scale from 0 to 1.
    pub(crate) fn value(&self, level: f64) -> f64 {
        (level - 1.0) / (self.levels.len() - 1) as f64
    }
}
