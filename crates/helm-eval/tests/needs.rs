//! What an evaluator needs is there, or it is not asked.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::sync::Arc;

use helm_core::{EvaluatorName, NotScored, Score, ScoreOutcome, UnitInterval};
use helm_eval::{
    EvaluationEngine, Evaluator, Exchange, Heuristic, Need, Needs, Tier, Unfit, check_evaluator, from_fn,
    inline,
};

struct Needy(EvaluatorName, Needs);

impl Heuristic for Needy {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn needs(&self) -> Needs {
        self.1
    }

    fn tier(&self) -> Tier {
        Tier::Local
    }

    fn measure(&self, _: &Exchange<'_>) -> ScoreOutcome {
        ScoreOutcome::Scored(Score::new(UnitInterval::ONE, UnitInterval::ONE))
    }
}

async fn outcome(needs: &[Need], exchange: &Exchange<'_>, offline: bool) -> ScoreOutcome {
    let needy = inline(Needy("needy".parse().expect("a name"), Needs::of(needs)));
    let engine = EvaluationEngine::new().with_evaluator(Arc::new(needy)).expect("one evaluator");
    let engine = if offline { engine.offline() } else { engine };
    engine.evaluate(exchange).await.remove(0).outcome
}

#[tokio::test]
async fn an_evaluator_whose_needs_are_not_met_says_which() {
    let bare = Exchange::new("a", "b");
    for need in Need::ALL.into_iter().filter(|need| *need != Need::Network) {
        let missing = ScoreOutcome::NotScored(NotScored::Missing(need.to_string()));
        assert_eq!(outcome(&[need], &bare, false).await, missing);
        assert_eq!(Need::named(need.as_str()), Some(need));
    }
    assert!(outcome(&[], &bare, true).await.score().is_some());
    assert!(outcome(&[Need::Network], &bare, false).await.score().is_some());
    let offline = outcome(&[Need::Reference, Need::Network], &bare, true).await;
    assert_eq!(offline, ScoreOutcome::NotScored(NotScored::Missing("network".to_owned())));
}

#[tokio::test]
async fn blank_passages_are_none() {
    let exchange = Exchange::new("a", "b").with_passages(&["", " \n"]);
    assert!(outcome(&[Need::Passages], &exchange, false).await.score().is_none());
    let exchange = exchange.with_passages(&["", "a fact"]);
    assert!(outcome(&[Need::Passages], &exchange, false).await.score().is_some());
}

#[test]
fn what_wraps_an_evaluator_has_its_needs_and_tier() {
    let needs = Needs::of(&[Need::Reference]);
    let evaluator = inline(Needy("needy".parse().expect("a name"), needs));
    let boxed: Box<dyn Evaluator> = Box::new(Arc::new(evaluator));
    assert_eq!((boxed.needs(), boxed.tier()), (needs, Tier::Local));
    let closure = from_fn("closure", |_| 1.0).expect("a name");
    assert_eq!((closure.needs(), closure.tier()), (Needs::NONE, Tier::Inline));
    assert_eq!(format!("{needs:?}"), "{Reference}");
}

#[tokio::test]
async fn what_changes_its_mind_is_unfit() {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let fickle =
        from_fn("fickle", move |_| f64::from(calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2))
            .expect("a name");
    assert!(matches!(check_evaluator(&fickle).await, Err(Unfit::NotDeterministic { .. })));
}
