use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use futures::TryStreamExt;
use helm_core::{DecisionId, Feedback, StrategyId, TaskId, TenantId, TurnStatus, UserId, VariantName};
use helm_orchestrator::config::StoreLocation;
use helm_orchestrator::experiment::spec::{MetricKind, Mode};
use helm_orchestrator::experiment::{Enrolment, LogRow, Person, Report, Spec};
use helm_orchestrator::llm::ErrorKind;
use helm_orchestrator::policy::Registry;
use helm_orchestrator::store::{InteractionLogExt, RowQuery, TurnRow};
use helm_orchestrator::{Helm, TurnRequest, TurnResponse, log_row};

use super::analyze;
use super::played::Played;
use super::players::{Line, Player, players};
use super::purse::Purse;
use super::specification;
use crate::arguments::{Design, ExperimentRunArguments, Global};
use crate::error::{Failure, INTERRUPTED, Result};
use crate::open;
use crate::output;

/// After so many failures in a row that only a person can end, the rest is not tried.
const MOST_REFUSALS: u32 = 3;

/// A variant with an installation of its own, whose users nobody else learns from.
struct Stage {
    variant: VariantName,
    helm: Helm,
    /// How many turns of each user have been played.
    played: BTreeMap<UserId, usize>,
    /// Answers that nobody has rated: where a run died between a turn and its rating.
    unrated: BTreeMap<UserId, Vec<Unrated>>,
}

/// An answer without a rating.
struct Unrated {
    decision: DecisionId,
    /// Which of the user's turns, from 0.
    number: usize,
    strategy: StrategyId,
    answer: String,
}

/// Plays users under the variants, and says what came of it.
pub(super) async fn run(global: &Global, arguments: &ExperimentRunArguments) -> Result<ExitCode> {
    let spec = specification(global, &arguments.experiment)?;
    playable(&spec, arguments.design)?;
    let players = players(&spec, arguments, &open::config(global)?)?;
    // Held to the end, so that nobody plays into the same folder meanwhile.
    let _played = Played::open(&spec, arguments)?;
    let mut purse = Purse::new(arguments.max_dollars);
    let mut stages = Vec::new();
    for (index, variant) in spec.variants().iter().enumerate() {
        stages.push(stage(global, &spec, &variant.name, index, &arguments.results, &mut purse).await?);
    }
    for stage in &stages {
        purse.check(&stage.helm, spec.task(), &open::config(global)?)?;
    }
    let played = tokio::select! {
        played = play(&spec, arguments.design, &mut stages, &players, &mut purse) => Some(played),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None)?,
    };
    let report = match &played {
        Some(Ok(())) => Some(read(&spec, arguments.design, &stages).await),
        _ => None,
    };
    for stage in &stages {
        open::close(&stage.helm).await;
    }
    let Some(played) = played else { return Ok(ExitCode::from(INTERRUPTED)) };
    played?;
    let report = report.ok_or_else(|| Failure::wrong("nothing was played"))??;
    analyze::write(global.output, &report)?;
    Ok(analyze::code(&report))
}

/// Refuses what no report could be made of, before anything is spent on it.
fn playable(spec: &Spec, design: Design) -> Result<()> {
    if matches!(spec.plan().mode, Mode::Adaptive { .. }) {
        let why = "the mode adaptive reads what a policy draws by itself; there are no variants to play users under";
        return Err(Failure::wrong(why));
    }
    let quantiles = spec.metrics().iter().filter(|metric| matches!(metric.kind, MetricKind::Quantile { .. }));
    let quantiles: Vec<_> = quantiles.map(|metric| metric.key.as_str()).collect();
    if design == Design::Paired && !quantiles.is_empty() {
        let keys = quantiles.join(", ");
        output::note(&format!(
            "note: {keys}: users are not compared with themselves by a quantile, so this stays undefined; --design between can tell"
        ));
    }
    Ok(())
}

async fn stage(
    global: &Global,
    spec: &Spec,
    variant: &VariantName,
    index: usize,
    folder: &Path,
    purse: &mut Purse,
) -> Result<Stage> {
    let mut config = open::config(global)?;
    // What runs online has its own users.
    config.features.ab_testing = false;
    let plain = variant.as_str().replace(['/', ':'], "_");
    let url = format!("sqlite://{}", folder.join(format!("{index}-{plain}.db")).display());
    let store = StoreLocation::parse(&url.into())?.open().await?;
    let builder = config.builder(&open::variable)?.store(Arc::clone(&store));
    let builder = builder.experiment_of(spec.offline(Some(variant)), &Registry::standard())?;
    let helm = builder.build().await?;
    let mut stage =
        Stage { variant: variant.clone(), helm, played: BTreeMap::new(), unrated: BTreeMap::new() };
    let (tenant, query) =
        (TenantId::single(), RowQuery::default().with_task(spec.task().clone()).with_texts());
    let rows = stage.helm.store().log().stream_rows(&tenant, &query).try_collect().await;
    let rows: Vec<TurnRow> = rows.map_err(helm_orchestrator::Error::from)?;
    for row in rows {
        purse.pay(row.cost_nano_usd.map_or(0.0, |nanos| nanos as f64 * 1e-9));
        stage.take(row);
    }
    Ok(stage)
}

impl Stage {
    /// Takes down a turn that was played before.
    fn take(&mut self, row: TurnRow) {
        if row.status == TurnStatus::Cancelled {
            return;
        }
        let number = self.played.entry(row.user.clone()).or_default();
        *number += 1;
        let (number, is_rated) = (*number - 1, row.feedback.iter().any(|said| said.source.is_person()));
        if let (Some(strategy), Some(answer)) = (row.strategy, row.output)
            && row.status.is_answered()
            && !is_rated
        {
            let unrated = Unrated { decision: row.id, number, strategy, answer };
            self.unrated.entry(row.user).or_default().push(unrated);
        }
    }

    /// Asks a player for the ratings that are missing.
    async fn rate(&mut self, task: &TaskId, player: &Player) -> Result<()> {
        for unrated in self.unrated.remove(&player.user).unwrap_or_default() {
            let Some(line) = player.lines.get(unrated.number) else { continue };
            let name = unrated.strategy.name();
            if let Some(rating) = player.rating(task, unrated.number, line, name, &unrated.answer) {
                self.helm.feedback(Feedback::rating(unrated.decision, rating)?).await?;
            }
        }
        Ok(())
    }
}

async fn rows(spec: &Spec, helm: &Helm) -> Result<Vec<LogRow>> {
    let (tenant, query) = (TenantId::single(), RowQuery::default().with_task(spec.task().clone()));
    let rows = helm.store().log().stream_rows(&tenant, &query).map_ok(log_row).try_collect().await;
    rows.map_err(|error| helm_orchestrator::Error::from(error).into())
}

/// Nobody leaves a turn here but a run that was interrupted, which plays it again.
fn is_whole(row: &LogRow) -> bool {
    row.status != TurnStatus::Cancelled
}

async fn read(spec: &Spec, design: Design, stages: &[Stage]) -> Result<Report> {
    let (spec, mut all) = (spec.offline(None), Vec::new());
    for stage in stages {
        all.extend(rows(&spec, &stage.helm).await?.into_iter().filter(is_whole));
    }
    Ok(match design {
        Design::Paired => Report::paired(&spec, &all),
        Design::Between => Report::new(&spec, &all),
    })
}

/// User by user, so that an early end leaves as many in each variant.
async fn play(
    spec: &Spec,
    design: Design,
    stages: &mut [Stage],
    players: &[Player],
    purse: &mut Purse,
) -> Result<()> {
    let hashed = spec.offline(None);
    let turns: usize = players.iter().map(|player| player.lines.len()).sum();
    let length = turns * if design == Design::Paired { stages.len() } else { 1 };
    let bar = output::progress(Some(length as u64), "{bar:40} {pos}/{len} turns, {eta} to go");
    let mut refusals = 0;
    for player in players {
        for stage in stages.iter_mut().filter(|stage| is_played(&hashed, design, player, &stage.variant)) {
            stage.rate(spec.task(), player).await?;
            let done = stage.played.get(&player.user).copied().unwrap_or(0);
            bar.inc(done.min(player.lines.len()) as u64);
            for (number, line) in player.lines.iter().enumerate().skip(done) {
                if !purse.allows(&stage.helm, spec.task(), &line.message)? {
                    bar.finish_and_clear();
                    output::note(&purse.stopped());
                    return Ok(());
                }
                let turn = say(&stage.helm, spec.task(), player, number, line).await?;
                refusals = if turn.failure.is_some_and(ErrorKind::needs_a_person) { refusals + 1 } else { 0 };
                if refusals == MOST_REFUSALS {
                    bar.finish_and_clear();
                    return Err(Failure::wrong(format!("stopped: {}", turn.error.unwrap_or_default())));
                }
                purse.spend(&turn)?;
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn is_played(hashed: &Spec, design: Design, player: &Player, variant: &VariantName) -> bool {
    let tenant = TenantId::single();
    match hashed.enrol(&Person::new(&tenant, &player.user), helm_core::Timestamp::from_micros(0), None) {
        _ if design == Design::Paired => true,
        Enrolment::In(own, _) => own.name == *variant,
        Enrolment::Out(_) => false,
    }
}

/// One turn, with the player's rating of it.
async fn say(
    helm: &Helm,
    task: &TaskId,
    player: &Player,
    number: usize,
    line: &Line,
) -> Result<TurnResponse> {
    let request = TurnRequest::new(&player.user, task, &*line.message)?;
    let turn = helm.turn(request.with_conversation("experiment".parse()?)).await?;
    let answer = turn.answer.as_deref().filter(|_| turn.status.is_answered());
    if let (Some(answer), Some(strategy)) = (answer, &turn.strategy)
        && let Some(rating) = player.rating(task, number, line, strategy.name(), answer)
    {
        helm.feedback(Feedback::rating(turn.decision_id, rating)?).await?;
    }
    Ok(turn)
}
