use std::sync::LazyLock;

use super::model::LinearModel;
use super::scored::Scored;
use super::text::folded_sentences;
use crate::view::TextView;

static TOXICITY: LazyLock<LinearModel> = LazyLock::new(|| read(include_bytes!("../../models/toxicity.bin")));
static INJECTION: LazyLock<LinearModel> =
    LazyLock::new(|| read(include_bytes!("../../models/injection.bin")));

#[expect(clippy::expect_used, reason = "the files come with the crate")]
fn read(bytes: &[u8]) -> LinearModel {
    LinearModel::from_bytes(bytes).expect("a file that the trainer wrote")
}

impl LinearModel {
    /// The model of insults, threats and contempt that comes with the crate; figures and limits are in
    /// `models/README.md`.
    #[must_use]
    pub fn toxicity() -> &'static Self {
        &TOXICITY
    }

    /// The model of prompt injections and jailbreaks that comes with the crate; figures and limits are in
    /// `models/README.md`.
    #[must_use]
    pub fn injection() -> &'static Self {
        &INJECTION
    }

    /// The score of a text, from 0 to 1: the greater of its own and that of its worst sentence.
    #[must_use]
    pub fn score(&self, text: &str) -> f64 {
        let mut scored = Scored::default();
        folded_sentences(&TextView::new(text), |sentence| {
            scored.add(self, self.read(sentence.folded));
        });
        scored.score(self)
    }
}
