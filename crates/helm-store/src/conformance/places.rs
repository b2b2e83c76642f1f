//! Laws of where contributions go: epochs, layouts, scopes, and everything a row holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{
    Decision, Epoch, Fixed, Layout, NanoUsd, Scope, SegmentName, Stats, StatsRow, UnitInterval, UserId,
};

use super::fixtures::{at, deadline, decision, feedback, tenant};
use crate::{Case, ErrorKind, Settle, SettleError, Settlement, StateQuery, Store};

/// A settlement whose rows are what a function makes of the case.
struct Rows(fn(&Case<'_>) -> Vec<StatsRow>);

impl Settle for Rows {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        Ok(Settlement { reward: None, contribution: (self.0)(case) })
    }
}

fn settled(rows: fn(&Case<'_>) -> Vec<StatsRow>) -> Arc<dyn Settle> {
    Arc::new(Rows(rows))
}

/// The last judgement.
fn judged(case: &Case<'_>) -> UnitInterval {
    case.feedback.last().map_or(UnitInterval::ZERO, |(_, value)| *value)
}

fn row(decision: &Decision, scope: Scope, epoch: i64, layout: i64, stats: Stats) -> StatsRow {
    StatsRow {
        scope,
        strategy: decision.strategy.clone(),
        epoch: Epoch::starting_at(epoch),
        layout: Layout::from_number(layout),
        stats,
    }
}

async fn judge(store: &Arc<dyn Store>, number: u64, value: f64, settle: &Arc<dyn Settle>) {
    store.log_decision(&decision(number), deadline()).await.expect("logged");
    let said = feedback(number, "user", value);
    store.record_feedback(&tenant("t"), &said, at(1), Arc::clone(settle)).await.expect("recorded");
}

/// What the state holds, without the rows that amount to nothing.
async fn state(store: &Arc<dyn Store>, query: &StateQuery) -> Vec<StatsRow> {
    let task = decision(0).context.task;
    let state = store.bandits().load(&tenant("t"), &task, query).await.expect("state");
    state.rows.into_iter().filter(|row| !row.stats.is_zero()).collect()
}

async fn audited(store: &Arc<dyn Store>) {
    let audit = store.bandits().audit(&tenant("t"), &decision(0).context.task).await.expect("audited");
    assert!(audit.mismatches.is_empty(), "{:?}", audit.mismatches);
}

fn segment(name: &str) -> SegmentName {
    SegmentName::new(name).expect("a segment")
}

/// Rows in two scopes, an epoch of its own for each decision, and a layout for each value.
fn spread(case: &Case<'_>) -> Vec<StatsRow> {
    let decision = case.decision;
    let epoch = decision.at.as_seconds();
    let layout = if judged(case).get() > 0.5 { 7 } else { 0 };
    let stats = Stats::of_reward(judged(case));
    vec![
        row(decision, Scope::Task, epoch, layout, stats.clone()),
        row(decision, Scope::Segment(segment("gold")), epoch, layout, stats.clone()),
        row(decision, Scope::User(decision.context.user.clone()), epoch, layout, stats),
    ]
}

pub(super) async fn epochs_layouts_and_scopes_are_kept_apart(store: Arc<dyn Store>) {
    let settle = settled(spread);
    // One strategy, one user.
    for (number, value) in [(8, 0.25), (16, 0.5), (24, 1.0)] {
        judge(&store, number, value, &settle).await;
    }
    let places = |rows: &[StatsRow]| {
        rows.iter().map(|row| (row.epoch.start(), row.layout.number(), row.stats.count)).collect::<Vec<_>>()
    };
    let task = state(&store, &StateQuery::default()).await;
    assert_eq!(places(&task), [(8, 0, 1), (16, 0, 1), (24, 7, 1)]);
    assert!(task.iter().all(|row| row.scope == Scope::Task));
    let everything = StateQuery::default().with_user(decision(8).context.user).with_segment(segment("gold"));
    let rows = state(&store, &everything).await;
    assert_eq!(rows.len(), 9, "three scopes of three rows");
    assert!(rows.is_sorted_by_key(|row| (row.scope.clone(), row.epoch)));
    let others = StateQuery::default()
        .with_user(UserId::new("stranger").expect("a user"))
        .with_segment(segment("silver"));
    assert_eq!(state(&store, &others).await, task);
    audited(&store).await;
}

pub(super) async fn old_epochs_are_summed_on_demand(store: Arc<dyn Store>) {
    let settle = settled(spread);
    for (number, value) in [(8, 0.25), (16, 0.5), (24, 1.0), (32, 0.75), (40, 0.5)] {
        judge(&store, number, value, &settle).await;
    }
    let whole = state(&store, &StateQuery::default()).await;
    for since in [0, 9, 33, 100] {
        let since = Epoch::starting_at(since);
        let rows = state(&store, &StateQuery::default().with_since(since)).await;
        let mut expected: BTreeMap<(Layout, Option<Epoch>), (Epoch, Stats)> = BTreeMap::new();
        for row in &whole {
            let own = (row.epoch >= since).then_some(row.epoch);
            let entry = expected.entry((row.layout, own)).or_insert((row.epoch, Stats::default()));
            *entry = (entry.0.max(row.epoch), entry.1.checked_add(&row.stats).expect("small"));
        }
        let mut expected: Vec<_> =
            expected.into_iter().map(|((layout, _), (epoch, stats))| (epoch, layout, stats)).collect();
        expected.sort_by_key(|(epoch, layout, _)| (*epoch, *layout));
        let found: Vec<_> = rows.into_iter().map(|row| (row.epoch, row.layout, row.stats)).collect();
        assert_eq!(found, expected, "since {}", since.start());
    }
}

/// Something in every column, beyond 64 bits where there is room.
fn full(value: UnitInterval) -> Stats {
    let tenths = (value.get() * 10.0).round() as i64;
    Stats {
        cost: NanoUsd::from_nanos(7_000_000_000 + tenths),
        turns: 11 + tenths,
        tokens: 1_000_000 + tenths,
        latency_us: 3_000_000 + tenths,
        failures: tenths,
        loss: Fixed::from_bits(-5 - tenths),
        packed: vec![(1_i128 << 100) + i128::from(tenths), -(1_i128 << 80), 0, i128::from(u64::MAX) + 2],
        ..Stats::of_reward(value)
    }
}

pub(super) async fn every_part_of_a_row_comes_back(store: Arc<dyn Store>) {
    let settle = settled(|case| vec![row(case.decision, Scope::Task, 0, 3, full(judged(case)))]);
    for (number, value) in [(0, 0.3), (4, 0.9), (0, 0.6)] {
        judge(&store, number, value, &settle).await;
    }
    let unit = |value| UnitInterval::new(value).expect("a value");
    let expected = full(unit(0.6)).checked_add(&full(unit(0.9))).expect("it fits");
    let rows = state(&store, &StateQuery::default()).await;
    assert_eq!(rows, [row(&decision(0), Scope::Task, 0, 3, expected)]);
    audited(&store).await;
}

pub(super) async fn packed_rows_of_two_shapes_are_refused(store: Arc<dyn Store>) {
    fn shaped(case: &Case<'_>) -> Vec<StatsRow> {
        let packed = if judged(case).get() > 0.5 { vec![1, 2] } else { vec![1, 2, 3] };
        vec![row(case.decision, Scope::Task, 0, 3, Stats { packed, ..Stats::of_failure() })]
    }
    let settle = settled(shaped);
    judge(&store, 0, 0.0, &settle).await;
    let before = state(&store, &StateQuery::default()).await;
    store.log_decision(&decision(4), deadline()).await.expect("logged");
    let refused =
        store.record_feedback(&tenant("t"), &feedback(4, "user", 1.0), at(1), Arc::clone(&settle)).await;
    assert_eq!(refused.expect_err("another shape").kind(), ErrorKind::Invalid);
    assert_eq!(state(&store, &StateQuery::default()).await, before);
}

pub(super) async fn a_contribution_may_move(store: Arc<dyn Store>) {
    let settle = settled(|case| {
        let (value, decision) = (judged(case), case.decision);
        let scope = match value.get() > 0.5 {
            true => Scope::Task,
            false => Scope::User(decision.context.user.clone()),
        };
        let layout = if value.get() > 0.5 { 7 } else { 0 };
        vec![row(decision, scope, (value.get() * 100.0) as i64, layout, Stats::of_reward(value))]
    });
    let query = StateQuery::default().with_user(decision(0).context.user);
    for value in [0.25, 1.0, 0.5, 0.75, 0.25] {
        judge(&store, 0, value, &settle).await;
        let rows = state(&store, &query).await;
        assert_eq!(rows.len(), 1, "it left nothing behind");
        assert_eq!((rows[0].stats.count, rows[0].epoch.start()), (1, (value * 100.0) as i64));
        audited(&store).await;
    }
}

pub(super) async fn versions_are_ordered_as_numbers(store: Arc<dyn Store>) {
    let settle = settled(spread);
    for (number, strategy) in [(8, "s@10"), (16, "s@2"), (24, "r@11")] {
        let mut decision = decision(number);
        decision.strategy = strategy.parse().expect("a strategy");
        store.log_decision(&decision, deadline()).await.expect("logged");
        let said = feedback(number, "user", 0.25);
        store.record_feedback(&tenant("t"), &said, at(1), Arc::clone(&settle)).await.expect("recorded");
    }
    let rows = state(&store, &StateQuery::default()).await;
    let order: Vec<_> = rows.iter().map(|row| row.strategy.to_string()).collect();
    assert_eq!(order, ["r@11", "s@2", "s@10"]);
    let task = decision(0).context.task;
    let totals = store.bandits().strategy_totals(&tenant("t"), &task).await.expect("totals");
    assert_eq!(totals.iter().map(|total| total.strategy.to_string()).collect::<Vec<_>>(), order);
}
