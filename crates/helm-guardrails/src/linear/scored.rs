use super::model::{LinearModel, SLIGHT, Sums, logistic};

/// What a model says of a text so far.
pub(crate) struct Scored {
    whole: Sums,
    worst: f64,
    /// z of the worst sentence.
    highest: f64,
}

/// By less no rounding makes the score of a smaller z the greater one.
const APART: f64 = 1e-6;

impl Default for Scored {
    fn default() -> Self {
        Self { whole: Sums::default(), worst: 0.0, highest: f64::NEG_INFINITY }
    }
}

impl Scored {
    /// Takes the sums of the next sentence, and gives its score; 0 when it is slight and not the worst.
    pub(crate) fn add(&mut self, model: &LinearModel, sums: Sums) -> f64 {
        if sums.is_empty() {
            return 0.0;
        }
        self.whole.add(sums);
        let z = model.part_z(sums);
        let is_known = z < self.highest - APART || z.total_cmp(&self.highest).is_eq();
        if z < SLIGHT && is_known {
            return 0.0;
        }
        self.highest = self.highest.max(z);
        let score = logistic(z);
        self.worst = self.worst.max(score);
        score
    }

    /// The greater of the scores of the text and of its worst sentence.
    pub(crate) fn score(self, model: &LinearModel) -> f64 {
        if self.whole.is_empty() { 0.0 } else { self.worst.max(model.whole(self.whole)) }
    }
}
