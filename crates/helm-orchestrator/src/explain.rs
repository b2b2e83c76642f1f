use std::fmt::Write as _;

use helm_core::{Decision, DecisionMode};
use helm_store::TurnView;

/// One turn and why its strategy was chosen.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// Everything that is stored about the turn.
    pub turn: TurnView,
    /// Why the strategy was chosen, in sentences with numbers.
    pub why: String,
}

impl Explanation {
    /// `raised` says how the policy came to decide, where it was a candidate.
    pub(crate) fn of(turn: TurnView, raised: Option<&str>) -> Self {
        let mut why = match &turn.decision {
            Some(decision) => why(decision),
            None => "no strategy was chosen: the turn ended before the decision".to_owned(),
        };
        if let Some(raised) = raised {
            let _ = write!(why, "; {raised}");
        }
        Self { turn, why }
    }
}

fn why(decision: &Decision) -> String {
    let mut text = match decision.mode {
        DecisionMode::Pinned => format!("the caller asked for {}", decision.strategy),
        DecisionMode::Fallback => {
            format!("nothing was eligible, so the fallback {} answered", decision.strategy)
        }
        DecisionMode::Sticky => format!("an earlier draw was kept: {}", drawn(decision)),
        DecisionMode::Assigned => format!("an experiment fixed {}", decision.strategy),
        _ => drawn(decision),
    };
    // Writing to a string cannot fail.
    if let Some(earlier) = decision.drawn_by {
        let relation = if decision.mode == DecisionMode::Sticky { "the draw is" } else { "it replaces" };
        let _ = write!(text, "; {relation} decision {earlier}");
    }
    if let Some(assignment) = &decision.assignment {
        let _ = write!(text, "; experiment {} variant {}", assignment.experiment, assignment.variant);
    }
    for excluded in &decision.excluded {
        let _ = write!(text, "; {} was not eligible: {}", excluded.strategy, excluded.reason.as_str());
    }
    text
}

fn drawn(decision: &Decision) -> String {
    let percent = decision.propensity.get() * 100.0;
    let mut text = format!(
        "policy {} drew {} with probability {percent:.1} % among {}",
        decision.policy,
        decision.strategy,
        decision.candidates.len(),
    );
    let mut ranked: Vec<_> = decision.candidates.iter().collect();
    ranked.sort_by(|a, b| b.probability.get().total_cmp(&a.probability.get()));
    for candidate in ranked {
        let percent = candidate.probability.get() * 100.0;
        let _ = write!(
            text,
            "; {}: {percent:.1} %, expected reward {:.3} ± {:.3} after {} rewards",
            candidate.strategy, candidate.mean, candidate.deviation, candidate.pulls,
        );
    }
    text
}
