//! A day of turns, made up from numbers: a policy finds out that one strategy is better.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use helm_core::{
    Candidate, Category, Clock, Context, Decision, DecisionId, DecisionMode, Epoch, GuardAction, Layout,
    NanoUsd, Outcome, PolicyHash, Probability, Reward, RewardSpecId, RewardStage, Scope, Severity, Stage,
    Stats, StatsRow, StrategyId, SystemClock, TenantId, Timestamp, TokenCount, TurnStatus, UnitInterval,
    Usage, Violation,
};
use helm_orchestrator::store::{Case, Settle, SettleError, Settlement, Store, TurnRecord};

const STRATEGIES: [&str; 3] = ["concise@1", "stepwise@1", "friendly@1"];
/// What each strategy earns on average.
const MEANS: [f64; 3] = [0.55, 0.78, 0.48];
const ASKED: [&str; 4] = [
    "My invoice of last month shows the old address. How do I change it?",
    "The app signs me out every morning since the update.",
    "How do I invite a colleague to my project?",
    "Is there a way to export all of my data?",
];

/// Numbers between 0 and 1 that look like chance and are always the same (Steele and others 2014, SplitMix64).
fn chance(number: u64) -> f64 {
    let mut state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The reward that the decision's number says.
struct MadeUp;

impl Settle for MadeUp {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        if !case.outcome.is_some_and(|outcome| outcome.status == TurnStatus::Completed) {
            return Ok(Settlement::default());
        }
        let strategy = &case.decision.strategy;
        let mean =
            STRATEGIES.iter().position(|name| strategy.to_string() == *name).map_or(0.5, |at| MEANS[at]);
        let bytes = case.decision.id.as_bytes();
        let seed = u64::from_be_bytes([
            bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15],
        ]);
        let value = UnitInterval::clamped(mean + 0.3 * (chance(seed) - 0.5))?;
        let row = |scope| StatsRow {
            scope,
            strategy: strategy.clone(),
            epoch: case.decision.epoch,
            layout: Layout::NONE,
            stats: Stats::of_reward(value),
        };
        let contribution = vec![row(Scope::Task), row(Scope::User(case.decision.context.user.clone()))];
        let spec = RewardSpecId::new("default".parse()?, 2);
        let stage = RewardStage::Provisional;
        let reward =
            Reward { value, stderr: None, coverage: UnitInterval::ONE, stage, spec, components: vec![] };
        Ok(Settlement { reward: Some(reward), contribution })
    }
}

/// Stores so many turns, spread over the last day.
pub(super) async fn fill(store: &dyn Store, turns: u64) {
    let now = SystemClock.now();
    let work = stream::iter(0..turns).map(|number| async move {
        let (decision, turn) = made_up(number, turns, now);
        store.log_decision(&decision, now.after(Duration::from_secs(3_600))).await.unwrap();
        store.commit_turn(turn, Arc::new(MadeUp)).await.unwrap();
    });
    work.buffer_unordered(256).collect::<Vec<()>>().await;
}

fn made_up(number: u64, turns: u64, now: Timestamp) -> (Decision, TurnRecord) {
    let done = number as f64 / turns as f64;
    let ago = (1.0 - done) * 20.0 * 3_600.0 + 60.0;
    let began = Timestamp::from_micros(now.as_micros() - (ago * 1e6) as i64);
    let decision = decided(number, done, began);
    let turn = ended(number, &decision);
    (decision, turn)
}

/// What is drawn: evenly at first, and the better strategy more and more.
fn decided(number: u64, done: f64, at: Timestamp) -> Decision {
    let lean = 0.85 * (1.0 - (-5.0 * done).exp());
    let law = [(1.0 - lean) / 3.0, (1.0 - lean) / 3.0 + lean, (1.0 - lean) / 3.0];
    let draw = chance(number);
    let chosen = if draw < law[0] {
        0
    } else if draw < law[0] + law[1] {
        1
    } else {
        2
    };
    let candidate = |at: usize| Candidate {
        strategy: STRATEGIES[at].parse::<StrategyId>().unwrap(),
        probability: Probability::new(law[at]).unwrap(),
        mean: MEANS[at],
        deviation: 0.2 / (1.0 + number as f64 / 3.0).sqrt(),
        pulls: number / 3,
    };
    let user = format!("user-{}", (chance(number + 7_000_000) * 40.0) as u64);
    let mut context = Context::new(TenantId::single(), user.parse().unwrap(), "support".parse().unwrap(), at);
    context.conversation = Some(format!("talk-{}", number / 3).parse().unwrap());
    Decision {
        id: DecisionId::generate(at),
        context,
        strategy: STRATEGIES[chosen].parse().unwrap(),
        propensity: Probability::new(law[chosen]).unwrap(),
        mode: DecisionMode::Sampled,
        drawn_by: None,
        assignment: None,
        policy: "auto".parse().unwrap(),
        policy_hash: PolicyHash::of("made up"),
        epoch: Epoch::starting_at(at.as_seconds().div_euclid(86_400) * 86_400),
        candidates: (0..3).map(candidate).collect(),
        floor: None,
        excluded: vec![],
        at,
    }
}

fn ended(number: u64, decision: &Decision) -> TurnRecord {
    let rare = chance(number + 1_000_000);
    let status = if rare < 0.02 {
        TurnStatus::Timeout
    } else if rare < 0.03 {
        TurnStatus::Blocked
    } else {
        TurnStatus::Completed
    };
    let latency = Duration::from_millis(350 + (900.0 * chance(number + 2_000_000).powi(3)) as u64);
    let mut outcome = Outcome::new(status, decision.at.after(latency));
    outcome.latency = latency;
    outcome.served = Some(decision.strategy.clone());
    outcome.usage = Usage::reported(TokenCount::new(140), TokenCount::new(90));
    outcome.cost = Some(NanoUsd::from_nanos(180_000 + (90_000.0 * chance(number + 3_000_000)) as i64));
    outcome.attempts = 1;
    outcome.simulated = true;
    if rare > 0.96 || status == TurnStatus::Blocked {
        outcome.violations = vec![found(status == TurnStatus::Blocked)];
    }
    let answered = status == TurnStatus::Completed;
    TurnRecord {
        id: decision.id,
        tenant: decision.context.tenant.clone(),
        user: decision.context.user.clone(),
        task: decision.context.task.clone(),
        conversation: decision.context.conversation.clone(),
        input: if status == TurnStatus::Blocked {
            String::new()
        } else {
            ASKED[number as usize % ASKED.len()].to_owned()
        },
        output: answered.then(|| {
            "Open the settings, choose your account, and follow the three steps shown there.".to_owned()
        }),
        outcome,
        began: decision.at,
        messages: vec![],
        preferences: vec![],
        memories: vec![],
        jobs: vec![],
    }
}

fn found(blocked: bool) -> Violation {
    let (category, entity, severity, action) = match blocked {
        true => (Category::Injection, "PROMPT_INJECTION", Severity::High, GuardAction::Block),
        false => (Category::Pii, "PHONE_NUMBER", Severity::Low, GuardAction::Redact),
    };
    let entity = entity.to_owned();
    Violation {
        stage: Stage::Input,
        category,
        entity,
        span: None,
        severity,
        score: UnitInterval::ONE,
        action,
        detector: "made up".to_owned(),
    }
}
