use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::chaos::balancer::Balancer;
use crate::chaos::ledger::{Call, Ledger};

/// The task whose turns are taken.
pub(crate) const TASK: &str = "chaos";
/// How many people talk.
const USERS: u64 = 1_000;
/// How long the last callers may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Callers at a steady rate, who wait for nobody else's answer.
pub(crate) struct Load(JoinSet<()>);

impl Load {
    pub(crate) fn start(balancer: Arc<Balancer>, ledger: &Arc<Ledger>, rate: u32, until: Instant) -> Self {
        let (ledger, mut begun) = (Arc::clone(ledger), JoinSet::new());
        begun.spawn(async move {
            let (start, mut callers) = (Instant::now(), JoinSet::new());
            for number in 0_u64.. {
                let due = start
                    + Duration::from_secs_f64(
                        u32::try_from(number).map_or(f64::MAX, f64::from) / f64::from(rate),
                    );
                if due >= until {
                    break;
                }
                tokio::time::sleep_until(due).await;
                while callers.try_join_next().is_some() {}
                callers.spawn(converse(Arc::clone(&balancer), Arc::clone(&ledger), number));
            }
            while callers.join_next().await.is_some() {}
        });
        Self(begun)
    }

    /// Waits until the last caller has an answer.
    pub(crate) async fn ended(mut self, until: Instant) -> anyhow::Result<()> {
        let all = async { while self.0.join_next().await.is_some() {} };
        tokio::time::timeout_at(until + PATIENCE, all)
            .await
            .context("callers still wait a minute after the end")
    }
}

/// A message and how its answer is judged: every second one again, with another word; every third twice the same.
async fn converse(balancer: Arc<Balancer>, ledger: Arc<Ledger>, number: u64) {
    let Some(answer) = call(&balancer, &ledger, "/chat", &message(number % USERS)).await else { return };
    let Some(decision) = answer.get("decision_id").and_then(Value::as_str) else { return };
    ledger.turn(decision);
    for (nth, percent) in judgements(number).into_iter().enumerate() {
        let value = f64::from(percent) / 100.0;
        let body = json!({
            "decision_id": decision, "value": value, "idempotency_key": format!("{number}-{nth}-{percent}"),
        });
        let heard = call(&balancer, &ledger, "/feedback", &body).await.is_some();
        ledger.judged(decision, value, heard);
    }
}

/// What a user says.
pub(crate) fn message(user: u64) -> Value {
    json!({ "user_id": format!("user-{user}"), "task": TASK, "message": "How do I reset my router?" })
}

/// Values in hundredths, in the order they are sent.
fn judgements(number: u64) -> Vec<u8> {
    let value =
        |salt: u64| u8::try_from(number.wrapping_mul(7_919).wrapping_add(salt) % 101).unwrap_or_default();
    let mut sent = vec![value(0)];
    if number.is_multiple_of(3) {
        sent.push(value(0));
    }
    if number.is_multiple_of(2) {
        sent.push(value(31));
    }
    sent
}

async fn call(balancer: &Balancer, ledger: &Ledger, path: &str, body: &Value) -> Option<Value> {
    let begun = Instant::now();
    let called = balancer.post(path, body).await;
    let (answer, failed) = match called.answer {
        Ok(answer) => (Some(answer), None),
        Err(why) => (None, Some(format!("{path}: {why}"))),
    };
    ledger.called(Call { begun, took: begun.elapsed(), attempts: called.attempts, failed });
    answer
}
