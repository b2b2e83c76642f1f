use std::sync::Arc;

use helm_core::{Layout, RewardStage, SourceName, StatsRow};

use super::fixtures::{
    MeanSettle, at, deadline, decision, decision_id, feedback, mean, refuse, tenant, turn,
};
use crate::{Case, ErrorKind, Settle, SettleError, Settlement, StateQuery, Store};

/// As [`MeanSettle`], for the task alone and with packed sums: what another policy would have counted.
struct Packed;

impl Settle for Packed {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        let mut settlement = MeanSettle.settle(case)?;
        settlement.contribution.truncate(1);
        for row in &mut settlement.contribution {
            row.layout = Layout::from_number(7);
            row.stats.packed = vec![1, 2, 3];
        }
        Ok(settlement)
    }
}

async fn rows(store: &Arc<dyn Store>) -> Vec<StatsRow> {
    let (context, query) = (decision(1).context, StateQuery::default().with_user(decision(1).context.user));
    store.bandits().load(&tenant("t"), &context.task, &query).await.expect("state").rows
}

async fn consistent(store: &Arc<dyn Store>) {
    let audit = store.bandits().audit(&tenant("t"), &decision(1).context.task).await.expect("an audit");
    assert!(audit.mismatches.is_empty(), "{audit:?}");
}

/// Five finished turns of user 1, one of them judged, and one that is judged but still running.
async fn some_turns(store: &Arc<dyn Store>) {
    for number in [9, 1, 17, 33, 25] {
        store.log_decision(&decision(number), deadline()).await.expect("logged");
        store.commit_turn(turn(number), mean()).await.expect("committed");
    }
    store.log_decision(&decision(41), deadline()).await.expect("logged");
    for number in [1, 41] {
        let said = feedback(number, "user", 1.0);
        store.record_feedback(&tenant("t"), &said, at(1), mean()).await.expect("recorded");
    }
}

pub(super) async fn settled_decisions_come_in_order_with_their_evidence(store: Arc<dyn Store>) {
    let (t, task) = (tenant("t"), decision(1).context.task);
    assert!(store.log().settled(&t, &task, None, 10).await.expect("a page").is_empty());
    some_turns(&store).await;
    store.end_silence(&t, decision_id(9), mean()).await.expect("ended");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.log().settled(&t, &task, after, 2).await.expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.decision.id);
        seen.extend(page);
    }
    let ids: Vec<_> = seen.iter().map(|settled| settled.decision.id).collect();
    assert_eq!(ids, [1, 9, 17, 25, 33, 41].map(decision_id));
    let user = SourceName::new("user").expect("a source");
    assert_eq!(seen[0].feedback, [(user, helm_core::UnitInterval::ONE)]);
    assert_eq!(seen[0].outcome, Some(turn(1).outcome));
    assert!(seen[1].silence_ended && !seen[0].silence_ended);
    assert_eq!(seen[1].reward.as_ref().map(|reward| reward.stage), Some(RewardStage::Default));
    assert_eq!(seen[5].outcome, None, "it is still running");
    for settled in &seen {
        let again = MeanSettle.settle(&settled.case()).expect("settled");
        assert_eq!(
            (again.reward, again.contribution),
            (settled.reward.clone(), settled.contribution.clone())
        );
    }
    assert!(store.log().settled(&tenant("other"), &task, None, 10).await.expect("a page").is_empty());
    let other = "other".parse().expect("a task");
    assert!(store.log().settled(&t, &other, None, 10).await.expect("a page").is_empty());
}

pub(super) async fn a_decision_is_settled_again_from_its_evidence(store: Arc<dyn Store>) {
    let t = tenant("t");
    some_turns(&store).await;
    let before = rows(&store).await;
    for _ in 0..2 {
        let reward = store.resettle(&t, decision_id(1), mean()).await.expect("settled");
        assert_eq!(reward.map(|reward| reward.value.get()), Some(1.0));
    }
    assert_eq!(rows(&store).await, before, "nothing was different");
    for number in [1, 9, 17, 25, 33, 41] {
        store.resettle(&t, decision_id(number), Arc::new(Packed)).await.expect("settled");
    }
    consistent(&store).await;
    let state = rows(&store).await;
    let packed = state.iter().find(|row| row.layout == Layout::from_number(7)).expect("a row");
    assert_eq!((packed.stats.count, packed.stats.packed.as_slice()), (6, &[6, 12, 18][..]));
    assert!(state.iter().filter(|row| *row != packed).all(|row| row.stats.is_zero()), "{state:?}");
    let kind = async |id, settle| store.resettle(&t, id, settle).await.map_err(|error| error.kind()).err();
    assert_eq!(kind(decision_id(1), refuse()).await, Some(ErrorKind::Unsettled));
    assert_eq!(kind(decision_id(2), mean()).await, Some(ErrorKind::NotFound));
    assert_eq!(rows(&store).await, state);
}

pub(super) async fn a_state_is_what_its_contributions_say(store: Arc<dyn Store>) {
    let (t, task) = (tenant("t"), decision(1).context.task);
    assert_eq!(store.restate(&t, &task).await.expect("restated"), 0);
    some_turns(&store).await;
    let before = rows(&store).await;
    assert_eq!(store.restate(&t, &task).await.expect("restated"), before.len() as u64);
    assert_eq!(rows(&store).await, before);
    for number in [1, 9, 17, 25, 33, 41] {
        store.resettle(&t, decision_id(number), Arc::new(Packed)).await.expect("settled");
    }
    assert_eq!(store.restate(&t, &task).await.expect("restated"), 1, "what came to nothing is dropped");
    assert_eq!(rows(&store).await.len(), 1);
    consistent(&store).await;
    // Of one task in one tenant.
    let mut other = decision(2);
    other.context.task = "other".parse().expect("a task");
    store.log_decision(&other, deadline()).await.expect("logged");
    let said = feedback(2, "user", 1.0);
    store.record_feedback(&t, &said, at(1), mean()).await.expect("recorded");
    store.restate(&tenant("another"), &task).await.expect("restated");
    store.restate(&t, &task).await.expect("restated");
    let audit = store.bandits().audit(&t, &other.context.task).await.expect("an audit");
    assert_eq!((audit.rows, audit.mismatches.len()), (2, 0));
}
