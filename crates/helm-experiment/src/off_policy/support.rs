//! Whether a log could have made another policy's choices: what was never possible is never seen, and no weight makes up
//! for it.

use std::collections::BTreeMap;

use super::log::Choice;

/// A share of the other policy's choices that may be impossible, for rounding.
const ROUNDING: f64 = 1e-6;
/// A share of its choices that may be of actions which were never taken, where it is not known whether they could have been.
const UNSEEN: f64 = 0.01;
/// From here on a propensity leaves nothing to other actions.
const CERTAIN: f64 = 1.0 - 1e-9;

/// How much of the other policy's probability lies where the log has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Support {
    /// Where it is known to have none.
    impossible: f64,
    actions: BTreeMap<usize, Seen>,
}

/// An action, where the log does not tell all of its probabilities.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    taken: bool,
    /// What the other policy has of it.
    wanted: f64,
}

impl Support {
    pub(super) fn note(&mut self, choice: &Choice<'_>) {
        self.actions.entry(choice.action).or_default().taken = true;
        let wanted = choice
            .target
            .iter()
            .enumerate()
            .filter(|(action, share)| **share > 0.0 && *action != choice.action);
        for (action, share) in wanted {
            let logged = choice.logged.and_then(|logged| logged.get(action));
            match logged {
                _ if choice.propensity >= CERTAIN => self.impossible += share,
                Some(logged) if *logged <= 0.0 => self.impossible += share,
                Some(_) => {}
                None => self.actions.entry(action).or_default().wanted += share,
            }
        }
    }

    fn unseen(&self) -> f64 {
        self.actions.values().filter(|seen| !seen.taken).map(|seen| seen.wanted).sum()
    }

    /// The sum, over decisions, of probabilities that the log cannot answer for.
    pub(super) fn outside(&self) -> f64 {
        self.impossible + self.unseen()
    }

    /// Whether the other policy leaves what the log could have done, in so many decisions.
    pub(super) fn is_left(&self, decisions: usize) -> bool {
        let all = decisions as f64;
        self.impossible > ROUNDING * all || self.unseen() > UNSEEN * all
    }
}
