//! What a run may cost.

/// Rows of unknown cost after which nobody tells what rows cost.
const UNTOLD: u32 = 3;

/// Dollars that must not be exceeded. No row is begun when one as dear as the dearest so far, beside those that are under
/// way, could exceed them; until one has cost something, rows are answered alone. A row whose cost nobody knows, as of one that
/// failed half-way, is taken to have cost as much as the dearest.
pub(super) struct Budget {
    most: Option<f64>,
    known: f64,
    unknown: u32,
    dearest: f64,
}

impl Budget {
    /// A budget of so many dollars; `None` for no bound.
    pub(super) const fn new(most: Option<f64>) -> Self {
        Self { most, known: 0.0, unknown: 0, dearest: 0.0 }
    }

    /// Takes down what a row cost, now or in an earlier run; `None` when that is not known.
    pub(super) fn spend(&mut self, dollars: Option<f64>) {
        match dollars {
            Some(dollars) => {
                self.known += dollars;
                self.dearest = self.dearest.max(dollars);
            }
            None => self.unknown = self.unknown.saturating_add(1),
        }
    }

    fn spent(&self) -> f64 {
        self.known + f64::from(self.unknown) * self.dearest
    }

    /// Whether a row may be begun beside so many.
    pub(super) fn allows(&self, running: usize) -> bool {
        let Some(most) = self.most else { return true };
        if self.dearest > 0.0 {
            return self.spent() + self.dearest * (running + 1) as f64 <= most;
        }
        running == 0 && !self.is_untold() && self.known < most
    }

    fn is_untold(&self) -> bool {
        self.dearest <= 0.0 && self.unknown >= UNTOLD
    }

    /// Why no row may be begun any more.
    pub(super) fn stopped_at(&self, done: usize, of: usize) -> String {
        if self.is_untold() {
            return format!(
                "stopped after {done} of {of} rows: nobody told what {} of them cost, and none has cost anything that is known, so \
                 --max-dollars cannot hold",
                self.unknown
            );
        }
        let (spent, most) = (self.spent(), self.most.unwrap_or_default());
        format!(
            "stopped after {done} of {of} rows and ${spent:.4}: more could exceed --max-dollars {most}; with --results FILE, the same command goes on with more"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_begins_no_row_that_could_exceed_it() {
        let mut budget = Budget::new(Some(1.0));
        assert!(budget.allows(0) && !budget.allows(1), "what a row costs is not known yet");
        budget.spend(Some(0.3));
        assert!(budget.allows(0) && budget.allows(1) && !budget.allows(2));
        budget.spend(Some(0.4));
        assert!(!budget.allows(0), "0.7 and 0.4 are too much");
        assert!(Budget::new(None).allows(50));
    }

    #[test]
    fn what_was_free_or_failed_does_not_tell_what_rows_cost() {
        let mut budget = Budget::new(Some(1.0));
        for dollars in [Some(0.0), None, Some(0.0), None] {
            budget.spend(dollars);
            assert!(budget.allows(0) && !budget.allows(1), "one at a time");
        }
        budget.spend(Some(0.2));
        // Two of unknown cost may have cost as much.
        assert!(budget.allows(1) && !budget.allows(2));
        budget.spend(None);
        assert!(budget.allows(0) && !budget.allows(1));
    }

    #[test]
    fn what_nobody_tells_the_cost_of_is_given_up() {
        let mut budget = Budget::new(Some(1.0));
        (0..3).for_each(|_| budget.spend(None));
        assert!(!budget.allows(0) && budget.stopped_at(3, 9).contains("nobody told"));
    }
}
