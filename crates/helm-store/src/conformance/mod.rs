//! The laws that every backend keeps, in-tree or yours.
//!
//! [`run_all`] takes a function that makes an empty store and panics with the law's name when one is broken; each
//! law can be run alone. [`MeanSettle`] is the settlement they use: the mean of people's judgements, 0.5 for a
//! finished turn without any, and 0.25 once silence has ended.

mod decisions;
mod fixtures;
mod jobs;
mod rewards;
mod users;

use std::sync::Arc;

use crate::Store;

pub use fixtures::{MeanSettle, deadline, decision, decision_id, feedback, panics, refuse, tenant, turn};

/// A law, by name.
pub type Law = (&'static str, fn(Arc<dyn Store>) -> futures::future::BoxFuture<'static, ()>);

macro_rules! laws {
    ($($module:ident :: $law:ident),* $(,)?) => {
        /// Every law.
        pub const LAWS: &[Law] = &[$((stringify!($law), |store| Box::pin($module::$law(store)))),*];
    };
}

laws!(
    decisions::a_decision_is_logged_once,
    decisions::a_turn_is_committed_once_and_whole,
    decisions::a_refused_settlement_leaves_no_trace,
    decisions::a_settlement_that_panics_is_refused_alone,
    decisions::a_scan_covers_every_turn_once,
    decisions::tenants_never_meet,
    rewards::feedback_is_fresh_duplicate_or_corrected,
    rewards::a_key_is_used_once,
    rewards::racing_senders_of_one_key_apply_once,
    rewards::two_sources_are_one_reward,
    rewards::feedback_may_come_before_the_turn_ends,
    rewards::silence_gets_the_default_and_feedback_revises_it,
    rewards::an_unknown_decision_is_not_found,
    rewards::an_overflow_is_refused_and_changes_nothing,
    rewards::any_interleaving_equals_sequential_replay,
    rewards::totals_count_each_source_once,
    users::preferences_are_changed_atomically,
    users::one_of_two_expectations_wins,
    users::conversations_keep_their_order_and_their_owner,
    users::memories_are_found_by_angle,
    users::impossible_embeddings_are_refused,
    users::a_prior_is_replaced_in_order,
    jobs::a_job_is_queued_once_and_held_by_one,
    jobs::a_lost_lease_ends_nothing,
    jobs::a_job_is_left_to_those_who_know_its_kind,
    jobs::a_released_job_keeps_its_attempts,
    jobs::a_lease_can_be_renewed,
    jobs::a_job_that_ends_its_holders_dies,
    jobs::a_dead_job_can_be_tried_again,
    jobs::a_decision_leaves_a_job_until_its_turn_ends,
    jobs::a_job_dies_when_its_attempts_are_used_up,
);

/// Runs every law on a store of its own.
///
/// # Panics
///
/// Panics with the law's name when the store breaks it.
pub async fn run_all<F: Future<Output = Arc<dyn Store>>>(mut fresh: impl FnMut() -> F) {
    for (_, law) in LAWS {
        let store = fresh().await;
        law(Arc::clone(&store)).await;
        store.close().await;
    }
}
