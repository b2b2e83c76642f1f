use super::model::{LinearModel, Sums};

/// What a model says of a text so far.
#[derive(Default)]
pub(crate) struct Scored {
    whole: Sums,
    worst: f64,
}

impl Scored {
    /// Takes the sums of the next sentence, and gives its score.
    pub(crate) fn add(&mut self, model: &LinearModel, sums: Sums) -> f64 {
        if sums.is_empty() {
            return 0.0;
        }
        self.whole.add(sums);
        let score = model.part(sums);
        self.worst = self.worst.max(score);
        score
    }

    /// The greater of the scores of the text and of its worst sentence.
    pub(crate) fn score(self, model: &LinearModel) -> f64 {
        if self.whole.is_empty() { 0.0 } else { self.worst.max(model.whole(self.whole)) }
    }
}
