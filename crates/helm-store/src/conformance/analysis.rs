//! Laws of the log as rows for analysis.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use helm_core::{
    AssignedBy, Assignment, Candidate, Category, Decision, Features, GuardAction, ModelName, NanoUsd,
    NotScored, Probability, RewardStage, Score, ScoreEntry, ScoreOutcome, Severity, Stage, TokenCount,
    TurnStatus, UnitInterval, Violation,
};

use super::fixtures::{at, deadline, decision, decision_id, feedback, mean, tenant, turn};
use crate::{InteractionLogExt, Page, ROW_FORMAT, RowQuery, Store, TurnRecord, TurnRow};

fn unit(value: f64) -> UnitInterval {
    UnitInterval::new(value).expect("from 0 to 1")
}

/// Decision number `number` with everything a row can show.
fn rich_decision(number: u64) -> Decision {
    let mut decision = decision(number);
    let probability = Probability::new(0.1).expect("a probability");
    decision.context.segment = Some("new".parse().expect("a segment"));
    decision.context.conversation = Some("c".parse().expect("a conversation"));
    decision.context.features = Features::new(u64::MAX, vec![0.1, -2.5, 1e300]).expect("features");
    decision.candidates = vec![Candidate {
        strategy: decision.strategy.clone(),
        probability,
        mean: 0.5,
        deviation: 0.1,
        pulls: 3,
    }];
    decision.propensity = probability;
    decision.assignment = Some(Assignment {
        experiment: "tone".parse().expect("an experiment"),
        variant: "warm".parse().expect("a variant"),
        share: probability,
        by: AssignedBy::Sticky,
        version: 3,
        spec: Some("0123456789abcdef".parse().expect("a digest")),
    });
    decision
}

/// The turn of [`rich_decision`].
fn rich_turn(number: u64) -> TurnRecord {
    let mut turn = turn(number);
    turn.conversation = Some("c".parse().expect("a conversation"));
    let outcome = &mut turn.outcome;
    outcome.model = Some(ModelName::new("large").expect("a model"));
    outcome.served = Some("s9@2".parse().expect("a strategy"));
    outcome.usage.input = TokenCount::new(17);
    outcome.usage.output = TokenCount::new(4);
    outcome.cost = Some(NanoUsd::from_nanos(1_234_567_890_123_456_789));
    outcome.latency = Duration::from_micros(2_500_001);
    outcome.first_token = Some(Duration::from_micros(7));
    outcome.attempts = 2;
    outcome.at = at(99);
    let entry = |name: &str, outcome| ScoreEntry { evaluator: name.parse().expect("an evaluator"), outcome };
    outcome.scores = vec![
        entry("length", ScoreOutcome::Scored(Score::new(unit(0.7), unit(1.0)))),
        entry("judge", ScoreOutcome::NotScored(NotScored::Incomplete)),
    ];
    let violation = |category| Violation {
        stage: Stage::Input,
        category,
        entity: "EMAIL".to_owned(),
        span: None,
        severity: Severity::Low,
        score: unit(1.0),
        action: GuardAction::Redact,
        detector: "d".to_owned(),
    };
    outcome.violations = vec![violation(Category::Pii), violation(Category::Url), violation(Category::Pii)];
    turn
}

async fn rows(store: &Arc<dyn Store>, query: &RowQuery) -> Vec<TurnRow> {
    store.log().stream_rows(&tenant("t"), query).try_collect().await.expect("rows")
}

pub(super) async fn a_row_shows_all_that_is_known(store: Arc<dyn Store>) {
    store.log_decision(&rich_decision(1), deadline()).await.expect("logged");
    assert!(rows(&store, &RowQuery::default()).await.is_empty(), "the turn has not ended");
    store.commit_turn(rich_turn(1), mean()).await.expect("committed");
    for (source, value) in [("user", 0.25), ("editor", 1.0), ("user", 0.75)] {
        let said = feedback(1, source, value);
        store.record_feedback(&tenant("t"), &said, at(5), mean()).await.expect("recorded");
    }
    store.commit_turn(turn(2), mean()).await.expect("a turn without a decision");
    let found = rows(&store, &RowQuery::default()).await;
    let [first, second] = &found[..] else { unreachable!("two turns: {found:?}") };
    let (decided, ended) = (rich_decision(1), rich_turn(1).outcome);
    assert_eq!((first.format, &first.tenant, first.id), (ROW_FORMAT, &tenant("t"), decision_id(1)));
    assert_eq!((&first.user, &first.task), (&decided.context.user, &decided.context.task));
    assert_eq!(
        (&first.conversation, &first.segment),
        (&decided.context.conversation, &decided.context.segment)
    );
    assert_eq!((&first.strategy, first.propensity), (&Some(decided.strategy), Some(decided.propensity)));
    assert_eq!((first.mode, &first.policy), (Some(decided.mode), &Some(decided.policy)));
    assert_eq!(first.policy_hash, Some(decided.policy_hash));
    let assigned = decided.assignment.expect("set above");
    assert_eq!((&first.experiment, &first.variant), (&Some(assigned.experiment), &Some(assigned.variant)));
    assert_eq!((first.variant_share, first.assigned_by), (Some(assigned.share), Some(assigned.by)));
    assert_eq!((first.experiment_version, &first.experiment_spec), (Some(assigned.version), &assigned.spec));
    assert_eq!((first.candidates.len(), first.candidates[0].probability.get()), (1, 0.1));
    assert_eq!((first.feature_schema, &first.features[..]), (Some(u64::MAX), &[0.1, -2.5, 1e300][..]));
    assert_eq!((first.status, &first.served, &first.model), (ended.status, &ended.served, &ended.model));
    assert_eq!((first.latency_us, first.first_token_us, first.attempts), (2_500_001, Some(7), 2));
    assert_eq!((first.input_tokens, first.output_tokens), (17, 4));
    assert_eq!(first.cost_nano_usd, Some(1_234_567_890_123_456_789));
    assert_eq!((first.reward, first.reward_stage), (Some(unit(0.875)), Some(RewardStage::Human)));
    let scores: Vec<_> = first.scores.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(scores, [("judge", None), ("length", Some(unit(0.7)))]);
    let said: Vec<_> = first.feedback.iter().map(|said| (said.source.as_str(), said.value.get())).collect();
    assert_eq!(said, [("editor", 1.0), ("user", 0.75)], "each source's last word");
    assert_eq!(first.violations, BTreeMap::from([(Category::Pii, 2), (Category::Url, 1)]));
    assert_eq!((first.began, first.ended), (turn(1).began, at(99)));
    assert_eq!((&first.input, &first.output), (&None, &None), "nobody asked for texts");
    assert_eq!((&second.strategy, second.reward, second.feature_schema), (&None, None, None));
    let with_texts = rows(&store, &RowQuery::default().with_texts()).await;
    assert_eq!((&with_texts[0].input, &with_texts[0].output), (&Some(turn(1).input), &turn(1).output));
    let written = serde_json::to_string(first).expect("JSON");
    assert_eq!(serde_json::from_str::<TurnRow>(&written).expect("a row"), *first);
}

pub(super) async fn rows_cover_every_turn_once_while_others_write(store: Arc<dyn Store>) {
    // Several begin at the same moment.
    for number in (0..20).chain(1_000..1_020) {
        store.commit_turn(turn(number), mean()).await.expect("committed");
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page: Page<TurnRow> =
            store.log().rows(&tenant("t"), &RowQuery::default(), after.as_ref(), 7).await.expect("a page");
        assert!(page.items.len() == 7 || page.next.is_none());
        seen.extend(page.items.iter().map(|row| (row.began, row.id)));
        after = page.next;
        if after.is_none() {
            break;
        }
        // One begins behind what was read and one before it; then it is enough, or this would never end.
        if seen.len() < 30 {
            for number in [100 + seen.len() as u64, 2_000 + seen.len() as u64] {
                store.commit_turn(turn(number), mean()).await.expect("committed");
            }
        }
    }
    assert!(seen.is_sorted_by(|one, other| one < other), "oldest first, each once: {seen:?}");
    for number in (0..20).chain(1_000..1_020) {
        assert!(seen.contains(&(turn(number).began, decision_id(number))), "{number}");
    }
    let empty = store.log().rows(&tenant("t"), &RowQuery::default(), None, 0).await.expect("a page");
    assert!(empty.items.is_empty() && empty.next.is_none());
}

pub(super) async fn rows_are_those_that_were_asked_for(store: Arc<dyn Store>) {
    for number in 0..24 {
        let mut turn = turn(number);
        if number % 3 == 0 {
            turn.outcome.status = TurnStatus::Timeout;
        }
        if number % 2 == 0 {
            store.log_decision(&decision(number), deadline()).await.expect("logged");
        }
        store.commit_turn(turn, mean()).await.expect("committed");
    }
    let mut other = turn(50);
    other.task = "other".parse().expect("a task");
    store.commit_turn(other.clone(), mean()).await.expect("committed");
    let all = || RowQuery::default();
    let (task, user) = (turn(0).task, turn(5).user);
    let of_both = || all().with_task(task.clone()).with_user(user.clone());
    let cases: [(RowQuery, Vec<u64>); 12] = [
        (all().with_task(task.clone()), (0..24).collect()),
        (all().with_task(other.task), vec![50]),
        (all().with_user(user.clone()), vec![5, 13, 21]),
        (of_both(), vec![5, 13, 21]),
        (of_both().with_since(at(13)), vec![13, 21]),
        (of_both().with_until(at(21)), vec![5, 13]),
        (all().with_since(at(3)).with_until(at(6)), vec![3, 4, 5]),
        (all().with_strategy(decision(2).strategy), vec![2, 6, 10, 14, 18, 22]),
        (all().with_status(TurnStatus::Timeout), (0..24).step_by(3).collect()),
        (all().with_reward(true), (0..24).step_by(2).collect()),
        (all().with_reward(false).with_until(at(4)), vec![1, 3]),
        (all().with_since(at(9)).with_until(at(9)), vec![]),
    ];
    for (query, expected) in cases {
        for limit in [2, 100] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = store.log().rows(&tenant("t"), &query, after.as_ref(), limit).await.expect("rows");
                seen.extend(page.items.iter().map(|row| row.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let expected: Vec<_> = expected.iter().copied().map(decision_id).collect();
            assert_eq!(seen, expected, "{query:?}");
        }
    }
}

pub(super) async fn rows_are_a_tenants_own(store: Arc<dyn Store>) {
    for name in ["t", "other"] {
        for number in 0..5 {
            let (mut decision, mut turn) = (decision(number), turn(number));
            (decision.context.tenant, turn.tenant) = (tenant(name), tenant(name));
            turn.input = name.to_owned();
            store.log_decision(&decision, deadline()).await.expect("logged");
            store.commit_turn(turn, mean()).await.expect("committed");
        }
        let value = if name == "t" { 0.0 } else { 1.0 };
        let said = feedback(1, "user", value);
        store.record_feedback(&tenant(name), &said, at(1), mean()).await.expect("recorded");
    }
    for (name, value) in [("t", 0.0), ("other", 1.0)] {
        let (own, query) = (tenant(name), RowQuery::default().with_texts());
        let found: Vec<TurnRow> =
            store.log().stream_rows(&own, &query).map(|row| row.expect("a row")).collect().await;
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|row| row.tenant == own && row.input.as_deref() == Some(name)));
        assert_eq!(found[1].feedback[0].value.get(), value);
        assert_eq!(found[1].reward.map(UnitInterval::get), Some(value));
    }
    assert!(rows(&store, &RowQuery::default()).await.iter().all(|row| row.tenant == tenant("t")));
    let nobody = store.log().rows(&tenant("nobody"), &RowQuery::default(), None, 9).await.expect("rows");
    assert!(nobody.items.is_empty());
}
