use helm_core::{Context, Features, Layout};

use super::{arms, context, decision_of};
use crate::arm::Arm;
use crate::evidence::Evidence;
use crate::learner::{ArmEvidence, Learner, PACKED_UNITS};
use crate::posterior::Posterior;

/// Strategies of which nothing, little, much and very much is known: how many rewards and their mean.
const KNOWN: [(f64, f64); 6] = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (12.0, 0.5), (1e3, 0.9), (1e6, 0.2)];

/// Holds a learner to every law, with and without features in the context: beliefs are finite and as many as
/// strategies; equal evidence gives equal beliefs, in any order; a strategy that earned more is not believed worse;
/// packed sums fit their layout.
///
/// # Panics
///
/// Panics with the law that it breaks.
pub fn learner(learner: &dyn Learner) {
    for features in [vec![], vec![0.3, -0.7, 0.1]] {
        let mut context = context();
        context.features = Features::new(1, features).expect("features");
        packed_sums_fit(learner, &context);
        beliefs_are_usable(learner, &context);
        more_is_not_worse(learner, &context);
    }
}

/// Evidence of `count` rewards of `mean` in this context, with the learner's own sums.
fn evidence<'a>(
    learner: &dyn Learner,
    arm: &'a Arm,
    context: &Context,
    (count, mean): (f64, f64),
) -> ArmEvidence<'a> {
    let task = Evidence { count, sum: count * mean, sum_sq: count * mean * mean };
    let mut evidence = ArmEvidence::new(arm, task);
    if learner.layout(context) != Layout::NONE && count > 0.0 {
        let packed = learner.packed(&decision_of(arm, context), mean).expect("a reward can be packed");
        evidence.packed = Some(packed.iter().map(|part| count * *part as f64 / PACKED_UNITS).collect());
    }
    evidence
}

fn posteriors(learner: &dyn Learner, arms: &[ArmEvidence<'_>], context: &Context) -> Vec<Posterior> {
    let beliefs = learner.posteriors(arms, context).expect("a learner believes something of good evidence");
    assert_eq!(beliefs.len(), arms.len(), "one belief for each strategy");
    assert!(beliefs.iter().all(|belief| belief.checked().is_ok()), "beliefs are finite: {beliefs:?}");
    beliefs
}

fn beliefs_are_usable(learner: &dyn Learner, context: &Context) {
    let arms = arms(KNOWN.len());
    let all = arms.iter().zip(KNOWN).map(|(arm, known)| evidence(learner, arm, context, known));
    let all: Vec<_> = all.collect();
    for count in 1..=all.len() {
        let known = &all[..count];
        let beliefs = posteriors(learner, known, context);
        assert_eq!(beliefs, posteriors(learner, known, context), "equal evidence gives equal beliefs");
        let reversed: Vec<_> = known.iter().rev().cloned().collect();
        for (one, other) in beliefs.iter().zip(posteriors(learner, &reversed, context).iter().rev()) {
            let off = (one.mean() - other.mean()).abs().max((one.spread() - other.spread()).abs());
            assert!(off < 1e-9, "the order of strategies does not matter: {one:?} becomes {other:?}");
        }
    }
    let together = posteriors(learner, &all, context);
    for (one, together) in all.iter().zip(together) {
        let belief = learner.posterior(one, context).expect("a learner believes something of one strategy");
        belief.checked().expect("beliefs are finite");
        assert!(
            learner.pools() || belief == together,
            "a learner that looks at several strategies says it pools"
        );
    }
}

fn more_is_not_worse(learner: &dyn Learner, context: &Context) {
    let arms = arms(2);
    for count in [1.0, 10.0, 1e3] {
        let pair = [(0, 0.0), (1, 1.0)];
        let pair = pair.map(|(arm, mean)| evidence(learner, &arms[arm], context, (count, mean)));
        let means: Vec<f64> = posteriors(learner, &pair, context).iter().map(Posterior::mean).collect();
        assert!(means[0] <= means[1], "a strategy that earned more is not believed worse: {means:?}");
        assert!(count < 1e3 || means[0] < means[1], "a thousand rewards make a difference: {means:?}");
    }
}

fn packed_sums_fit(learner: &dyn Learner, context: &Context) {
    let layout = learner.layout(context);
    assert_eq!(layout, learner.layout(context), "one context has one layout");
    let decision = decision_of(&arms(1)[0], context);
    let packed = |reward| learner.packed(&decision, reward).expect("a reward can be packed");
    let (none, all) = (packed(0.0), packed(1.0));
    let lengths = [none.len(), packed(0.3).len()];
    assert_eq!(lengths, [all.len(); 2], "packed sums of one layout have one length");
    let room = all.iter().all(|part| part.checked_mul(1_000_000).is_some());
    assert!(room, "a million rewards fit into packed sums");
    assert_eq!(all, packed(1.0), "packed sums repeat");
    assert!(layout != Layout::NONE || all.is_empty(), "packed sums have a layout");
}
