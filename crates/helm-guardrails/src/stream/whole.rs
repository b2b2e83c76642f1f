use helm_core::GuardAction;

use crate::detector::Reach;
use crate::plan::{Found, Listed, Plan};
use crate::policy::Hold;

/// What the whole text decides.
pub(super) struct Whole {
    /// What can be told of a beginning.
    growing: Vec<Listed>,
    /// What is asked at the end.
    last: Vec<Listed>,
    seen: usize,
    pub(super) holds_everything: bool,
}

/// A growing text is looked at again after this many more bytes, and at least an eighth of it, so that all the looks
/// together cost no more than some looks at the end.
const STEP: usize = 256;

impl Whole {
    pub(super) fn new(active: &[Listed], hold: Hold, waits_for_remote: bool) -> Self {
        let of = |wanted: &[Reach]| -> Vec<Listed> {
            active.iter().filter(|listed| wanted.contains(&listed.reach)).cloned().collect()
        };
        let waits = |listed: &Listed| match listed.reach {
            Reach::WholeText => {
                listed.redacts || (listed.strictest > GuardAction::Redact && hold != Hold::Nothing)
            }
            Reach::Growing => listed.redacts,
            _ => false,
        };
        Self {
            growing: of(&[Reach::Growing]),
            last: of(&[Reach::Growing, Reach::WholeText, Reach::Windowed]),
            seen: 0,
            holds_everything: hold == Hold::All || waits_for_remote || active.iter().any(waits),
        }
    }

    /// Whether it is time to look at a beginning of the text.
    pub(super) fn is_due(&self, text: &str) -> bool {
        !self.growing.is_empty() && text.len() - self.seen >= STEP.max(text.len() / 8)
    }

    /// What is found in a beginning of the text, where it is time to look again.
    pub(super) fn look(&mut self, plan: &Plan, text: &str) -> Option<Found> {
        if !self.is_due(text) {
            return None;
        }
        self.seen = text.len();
        Some(plan.scan_all(self.growing.iter(), text))
    }

    pub(super) fn look_at_end(&self, plan: &Plan, text: &str) -> Found {
        plan.scan_all(self.last.iter(), text)
    }
}
