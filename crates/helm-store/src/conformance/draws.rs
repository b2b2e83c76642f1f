use std::sync::Arc;

use helm_core::{Decision, DecisionId, DecisionMode};

use super::fixtures::{deadline, decision, decision_id, tenant};
use crate::{DrawQuery, Store};

/// Decision `number` of one user, in a conversation.
fn of_ana(number: u64, conversation: Option<&str>) -> Decision {
    let mut decision = decision(number);
    decision.context.user = "ana".parse().expect("a user");
    decision.context.conversation = conversation.map(|name| name.parse().expect("a conversation"));
    decision
}

async fn log(store: &Arc<dyn Store>, decision: &Decision) {
    store.log_decision(decision, deadline()).await.expect("logged");
}

/// The draw that a user keeps to, in a conversation or anywhere.
async fn held(store: &Arc<dyn Store>, user: &str, conversation: Option<&str>) -> Option<DecisionId> {
    let mut query = DrawQuery::of_user("task".parse().expect("a task"), user.parse().expect("a user"));
    if let Some(name) = conversation {
        query = query.in_conversation(name.parse().expect("a conversation"));
    }
    let draw = store.log().last_draw(&tenant("t"), &query).await.expect("read");
    assert!(
        draw.as_ref()
            .is_none_or(|draw| draw.mode == DecisionMode::Sampled && draw.context.user == query.user)
    );
    draw.map(|draw| draw.id)
}

pub(super) async fn a_conversation_keeps_to_its_first_draw(store: Arc<dyn Store>) {
    assert_eq!(held(&store, "ana", Some("c")).await, None);
    // Logged in another order than they were drawn, as two at once may be.
    for number in [5, 3, 9] {
        log(&store, &of_ana(number, Some("c"))).await;
    }
    log(&store, &of_ana(1, Some("other"))).await;
    log(&store, &of_ana(2, None)).await;
    let mut pinned = of_ana(0, Some("c"));
    pinned.mode = DecisionMode::Pinned;
    log(&store, &pinned).await;
    let mut kept = of_ana(4, Some("c"));
    (kept.mode, kept.drawn_by) = (DecisionMode::Sticky, Some(decision_id(3)));
    log(&store, &kept).await;
    assert_eq!(held(&store, "ana", Some("c")).await, Some(decision_id(3)), "the earliest id");
    assert_eq!(held(&store, "ana", Some("other")).await, Some(decision_id(1)));
    assert_eq!(held(&store, "bob", Some("c")).await, None, "another user's conversation of that name");
    let view = store.log().turn(&tenant("t"), kept.id).await.expect("read").expect("there");
    assert_eq!(view.decision, Some(kept), "it comes back whole");
}

pub(super) async fn a_user_keeps_to_their_first_draw(store: Arc<dyn Store>) {
    for (number, conversation) in [(7, None), (6, Some("c"))] {
        log(&store, &of_ana(number, conversation)).await;
    }
    let mut elsewhere = of_ana(1, None);
    elsewhere.context.task = "another".parse().expect("a task");
    log(&store, &elsewhere).await;
    let mut foreign = of_ana(2, None);
    foreign.context.tenant = tenant("other");
    log(&store, &foreign).await;
    assert_eq!(held(&store, "ana", None).await, Some(decision_id(6)));
    assert_eq!(held(&store, "bob", None).await, None);
}

pub(super) async fn a_replaced_draw_stays_replaced(store: Arc<dyn Store>) {
    let replacing = |number, earlier| {
        let mut draw = of_ana(number, Some("c"));
        draw.drawn_by = Some(decision_id(earlier));
        draw
    };
    log(&store, &of_ana(1, Some("c"))).await;
    // Two replace it at once.
    for draw in [replacing(5, 1), replacing(4, 1)] {
        log(&store, &draw).await;
    }
    assert_eq!(held(&store, "ana", Some("c")).await, Some(decision_id(4)));
    log(&store, &replacing(6, 4)).await;
    // Somebody who had not seen any of it comes late.
    log(&store, &replacing(7, 1)).await;
    log(&store, &of_ana(8, Some("c"))).await;
    for conversation in [Some("c"), None] {
        assert_eq!(held(&store, "ana", conversation).await, Some(decision_id(6)));
    }
}
