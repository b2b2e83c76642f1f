//! How long the parts of a turn take: `cargo bench --bench turn`.
//!
//! `choose` is one decision of the default policy with exact probabilities; `turn` a whole turn on the built-in
//! model, in memory and on SQLite with synchronous FULL, beside two `fsync`s of a file of the same folder, which
//! are the least that its two transactions can cost.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;

use criterion::{Criterion, criterion_group, criterion_main};
use helm_core::{
    Context, DecisionId, Epoch, Layout, Scope, Stats, StatsRow, StrategyId, TaskId, TenantId, Timestamp,
    UnitInterval, UserId,
};
use helm_orchestrator::{Helm, HelmBuilder, Task, TurnRequest};
use helm_policy::{Arm, ChoiceRequest, PolicyConfig, Snapshot};
use tokio::runtime::Runtime;

type Any<T> = Result<T, Box<dyn std::error::Error>>;

fn snapshot(eligible: &[StrategyId]) -> Any<Snapshot> {
    let mut rows = Vec::new();
    for (index, strategy) in eligible.iter().enumerate() {
        for reward in 0..30 {
            let stats = Stats::of_reward(UnitInterval::new(((index * 7 + reward * 3) % 10) as f64 / 10.0)?);
            let row = StatsRow {
                scope: Scope::Task,
                strategy: strategy.clone(),
                epoch: Epoch::starting_at(0),
                layout: Layout::NONE,
                stats,
            };
            rows.push(row);
        }
    }
    Ok(Snapshot::from_rows(rows, None)?)
}

fn choose(criterion: &mut Criterion) -> Any<()> {
    let policy = PolicyConfig::default().build()?;
    let at = Timestamp::from_micros(0);
    let context = Context::new(TenantId::single(), UserId::new("ana")?, TaskId::new("t")?, at);
    for count in [2, 4, 10] {
        let eligible: Vec<StrategyId> =
            (0..count).map(|index| format!("s{index}@1").parse()).collect::<Result<Vec<_>, _>>()?;
        let snapshot = snapshot(&eligible)?;
        let id = DecisionId::from_bytes([1; 16]);
        let arms: Vec<Arm> = eligible.iter().cloned().map(Arm::new).collect();
        let request = ChoiceRequest::new(id, &context, &arms, &snapshot);
        criterion.bench_function(&format!("choose/auto/{count}"), |b| {
            b.iter(|| policy.choose(black_box(&request)))
        });
    }
    Ok(())
}

fn task() -> Any<Task> {
    let task = Task::new("support")?.strategy("concise", "Answer in at most two sentences.")?;
    Ok(task.strategy("stepwise", "Answer step by step, as a numbered list.")?)
}

fn turns(criterion: &mut Criterion, name: &str, builder: HelmBuilder) -> Any<()> {
    let runtime = Runtime::new()?;
    let helm: Helm = runtime.block_on(builder.task(task()?).build())?;
    let request = TurnRequest::new("ana", "support", "How do I reset my password?")?;
    criterion.bench_function(name, |b| b.iter(|| runtime.block_on(helm.turn(request.clone()))));
    runtime.block_on(helm.shutdown(std::time::Duration::from_secs(10)));
    Ok(())
}

fn syncs(criterion: &mut Criterion, file: &mut File) {
    criterion.bench_function("floor/two fsyncs", |b| {
        b.iter(|| (0..2).try_for_each(|_| file.write_all(b"x").and_then(|()| file.sync_data())));
    });
}

fn all(criterion: &mut Criterion) {
    let measured = (|| {
        let folder = tempfile::tempdir_in(".")?;
        choose(criterion)?;
        turns(criterion, "turn/memory", Helm::builder())?;
        syncs(criterion, &mut File::create(folder.path().join("floor"))?);
        turns(criterion, "turn/sqlite full", Helm::builder().sqlite(folder.path().join("helm.db")))
    })();
    assert!(measured.is_ok(), "{measured:?}");
}

criterion_group!(benches, all);
criterion_main!(benches);
