//! The laws that every backend keeps, in-tree or yours.
//!
//! [`run_all`] takes a function that makes an empty store and panics with the law's name when one is broken; each
//! law can be run alone. [`MeanSettle`] is the settlement they use: the mean of people's judgements, 0.5 for a
//! finished turn without any, and 0.25 once silence has ended.
//!
//! [`cache`] and [`limiter`] have suites of their own.

mod activity;
mod analysis;
mod api_keys;
pub mod cache;
mod decisions;
mod draws;
mod fixtures;
mod forgetting;
mod handles;
mod jobs;
pub mod limiter;
mod places;
mod rebuild;
mod retention;
mod rewards;
mod summaries;
mod users;
mod vectors;
mod vectors_random;

use std::sync::Arc;

use crate::Store;

pub use fixtures::{
    MeanSettle, deadline, decision, decision_id, feedback, panics, refuse, tenant, turn, user,
};

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
    decisions::a_turn_is_its_decisions_and_its_own,
    decisions::an_empty_page_is_empty,
    rewards::silence_after_a_turn_is_revised_by_late_feedback,
    rewards::one_of_two_sources_corrects_itself,
    rewards::a_key_is_free_in_another_tenant,
    rewards::a_repetition_keeps_its_moment,
    places::epochs_layouts_and_scopes_are_kept_apart,
    places::old_epochs_are_summed_on_demand,
    places::every_part_of_a_row_comes_back,
    places::packed_rows_of_two_shapes_are_refused,
    places::a_contribution_may_move,
    places::versions_are_ordered_as_numbers,
    handles::a_write_that_was_cut_off_can_be_sent_again,
    handles::a_closed_store_is_unavailable,
    rewards::totals_count_each_source_once,
    rewards::totals_count_no_judges,
    users::preferences_are_changed_atomically,
    users::one_of_two_expectations_wins,
    users::conversations_keep_their_order_and_their_owner,
    summaries::a_summary_only_moves_forward,
    summaries::a_summary_is_of_one_conversation,
    summaries::a_summary_leaves_with_what_it_covers,
    users::a_prior_is_replaced_in_order,
    vectors::memories_are_found_by_their_metric,
    vectors::ties_are_broken_by_id_and_then_by_user,
    vectors::a_collection_is_fixed_by_its_first_memory_or_before,
    vectors::impossible_embeddings_are_refused,
    vectors::collections_of_several_dimensions_lie_side_by_side,
    vectors::nobody_sees_what_is_not_theirs,
    vectors::a_memory_is_seen_at_once_and_gone_at_once,
    vectors::a_memory_comes_with_its_turn_and_does_not_return_with_it,
    vectors::turns_that_begin_a_collection_at_once_agree_on_it,
    vectors::a_replaced_memory_is_only_what_it_is_now,
    vectors::what_is_selected_is_counted_and_removed,
    vectors::a_users_memories_are_read_page_by_page,
    vectors::impossible_filters_are_refused,
    vectors_random::any_search_is_answered_exactly,
    draws::a_conversation_keeps_to_its_first_draw,
    draws::a_user_keeps_to_their_first_draw,
    draws::a_replaced_draw_stays_replaced,
    rebuild::settled_decisions_come_in_order_with_their_evidence,
    rebuild::a_decision_is_settled_again_from_its_evidence,
    rebuild::a_state_is_what_its_contributions_say,
    analysis::a_row_shows_all_that_is_known,
    analysis::rows_cover_every_turn_once_while_others_write,
    analysis::rows_are_those_that_were_asked_for,
    analysis::rows_are_a_tenants_own,
    activity::activity_is_what_the_log_says,
    activity::activity_is_of_its_task_and_tenant,
    activity::findings_are_counted_by_kind,
    activity::a_scan_finds_what_is_asked_for,
    retention::what_leaves_the_log_stays_learnt,
    retention::a_state_is_its_log_and_its_checkpoint,
    retention::what_has_left_the_log_is_not_found,
    retention::what_is_needed_stays_in_the_log,
    retention::a_log_without_kept_draws_is_bounded,
    retention::turns_leave_while_others_are_written,
    forgetting::a_user_is_forgotten_and_what_was_learnt_stays,
    forgetting::what_is_left_of_a_user_says_nothing_of_them,
    forgetting::forgetting_goes_on_where_it_was_cut_off,
    forgetting::a_turn_that_runs_while_its_user_is_forgotten_is_not_stored,
    forgetting::what_ends_while_its_user_is_forgotten_is_forgotten,
    forgetting::a_user_of_another_tenant_is_not_forgotten,
    forgetting::a_decision_without_a_turn_is_its_users,
    api_keys::a_key_is_kept_once_and_comes_back,
    api_keys::a_key_ends_once_and_only_earlier,
    api_keys::a_key_says_on_which_day_it_was_used,
    jobs::a_job_is_queued_once_and_held_by_one,
    jobs::a_lost_lease_ends_nothing,
    jobs::jobs_are_completed_together,
    jobs::a_job_is_left_to_those_who_know_its_kind,
    jobs::a_released_job_keeps_its_attempts,
    jobs::a_lease_can_be_renewed,
    jobs::a_job_that_ends_its_holders_dies,
    jobs::a_dead_job_can_be_tried_again,
    jobs::a_dead_job_can_be_removed_and_no_living_one,
    jobs::dead_jobs_are_counted_by_tenant,
    jobs::a_decision_leaves_a_job_until_its_turn_ends,
    jobs::a_job_dies_when_its_attempts_are_used_up,
);

/// A law of two handles on one state, by name.
pub type SharedLaw =
    (&'static str, fn(Arc<dyn Store>, Arc<dyn Store>) -> futures::future::BoxFuture<'static, ()>);

/// Every law of two handles.
pub const SHARED_LAWS: &[SharedLaw] = &[
    ("a_commit_is_seen_through_another_handle_at_once", |one, two| {
        Box::pin(handles::a_commit_is_seen_through_another_handle_at_once(one, two))
    }),
    ("a_memory_is_seen_through_another_handle_at_once", |one, two| {
        Box::pin(vectors::a_memory_is_seen_through_another_handle_at_once(one, two))
    }),
    ("two_handles_write_at_once", |one, two| Box::pin(handles::two_handles_write_at_once(one, two))),
    ("a_collection_begins_anew_through_another_handle", |one, two| {
        Box::pin(handles::a_collection_begins_anew_through_another_handle(one, two))
    }),
    ("what_one_handle_has_not_seen_counts", |one, two| {
        Box::pin(handles::what_one_handle_has_not_seen_counts(one, two))
    }),
    ("two_handles_are_as_one", |one, two| Box::pin(handles::two_handles_are_as_one(one, two))),
    ("sources_correct_themselves_through_two_handles", |one, two| {
        Box::pin(handles::sources_correct_themselves_through_two_handles(one, two))
    }),
    ("a_job_is_held_through_one_handle", |one, two| {
        Box::pin(jobs::a_job_is_held_through_one_handle(one, two))
    }),
    ("preferences_change_through_two_handles", |one, two| {
        Box::pin(handles::preferences_change_through_two_handles(one, two))
    }),
    ("one_of_two_summaries_covers_most", |one, two| {
        Box::pin(summaries::one_of_two_summaries_covers_most(one, two))
    }),
    ("a_state_is_restated_while_another_handle_adds_to_it", |one, two| {
        Box::pin(handles::a_state_is_restated_while_another_handle_adds_to_it(one, two))
    }),
    ("a_collection_is_dropped_while_another_handle_fills_it", |one, two| {
        Box::pin(handles::a_collection_is_dropped_while_another_handle_fills_it(one, two))
    }),
];

/// Runs every law of two handles, each on a state of its own. For backends whose
/// [`Capabilities::shared`](crate::Capabilities::shared) says so, and for handles within one process.
///
/// # Panics
///
/// Panics when the store breaks one.
pub async fn run_shared<F>(mut fresh: impl FnMut() -> F)
where
    F: Future<Output = (Arc<dyn Store>, Arc<dyn Store>)>,
{
    for (_, law) in SHARED_LAWS {
        let (one, two) = fresh().await;
        law(Arc::clone(&one), Arc::clone(&two)).await;
        one.close().await;
        two.close().await;
    }
}

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
