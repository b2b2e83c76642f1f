use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use futures::TryStreamExt;
use helm_core::{Feedback, TaskId, TenantId, TurnStatus, UserId, VariantName};
use helm_orchestrator::config::StoreLocation;
use helm_orchestrator::experiment::spec::{MetricKind, Mode};
use helm_orchestrator::experiment::{Enrolment, LogRow, Person, Report, Spec};
use helm_orchestrator::llm::ErrorKind;
use helm_orchestrator::policy::Registry;
use helm_orchestrator::store::{InteractionLogExt, RowQuery};
use helm_orchestrator::{Helm, TurnRequest, TurnResponse, log_row};

use super::analyze;
use super::played::Played;
use super::players::{Line, Player, players};
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
}

/// What has been spent, and what may be.
struct Purse {
    most: Option<f64>,
    spent: f64,
    dearest: f64,
}

/// Plays users under the variants, and says what came of it.
pub(super) async fn run(global: &Global, arguments: &ExperimentRunArguments) -> Result<ExitCode> {
    let spec = specification(global, &arguments.experiment)?;
    playable(&spec, arguments.design)?;
    let players = players(&spec, arguments, &open::config(global)?)?;
    // Held to the end, so that nobody plays into the same folder meanwhile.
    let _played = Played::open(&spec, arguments)?;
    let mut purse = Purse { most: arguments.max_dollars, spent: 0.0, dearest: 0.0 };
    let mut stages = Vec::new();
    for (index, variant) in spec.variants().iter().enumerate() {
        stages.push(stage(global, &spec, &variant.name, index, &arguments.results, &mut purse).await?);
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
    let mut played = BTreeMap::new();
    for row in rows(spec, &helm).await? {
        let is_whole = is_whole(&row);
        *played.entry(row.user).or_default() += usize::from(is_whole);
        purse.pay(row.cost_nano_usd.map_or(0.0, |nanos| nanos as f64 * 1e-9));
    }
    Ok(Stage { variant: variant.clone(), helm, played })
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
            let done = stage.played.get(&player.user).copied().unwrap_or(0);
            bar.inc(done.min(player.lines.len()) as u64);
            for (number, line) in player.lines.iter().enumerate().skip(done) {
                if !purse.allows() {
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

impl Purse {
    /// Whether a turn as dear as the dearest so far may still be played.
    fn allows(&self) -> bool {
        self.most.is_none_or(|most| self.spent < most && self.spent + self.dearest <= most)
    }

    fn spend(&mut self, turn: &TurnResponse) -> Result<()> {
        let dollars = match turn.cost {
            Some(cost) => cost.nanos() as f64 * 1e-9,
            None if self.most.is_some() && !turn.simulated && turn.status.is_answered() => {
                let why =
                    "what an answer costs is not known, so --max-dollars cannot hold; give the model prices";
                return Err(Failure::wrong(why));
            }
            None => 0.0,
        };
        self.pay(dollars);
        Ok(())
    }

    fn pay(&mut self, dollars: f64) {
        self.spent += dollars;
        self.dearest = self.dearest.max(dollars);
    }

    fn stopped(&self) -> String {
        let (spent, most) = (self.spent, self.most.unwrap_or_default());
        format!(
            "note: stopped at ${spent:.4}: more could exceed --max-dollars {most}; the same command goes on with more"
        )
    }
}
