use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use helm_core::{EvaluatorName, NanoUsd, ScoreOutcome};
use helm_llm::Call;

use super::{Judged, Judging};
use crate::exchange::Exchange;
use crate::needs::Needs;

/// Keeps what a judge said, in this process: the same exchange is judged once. Failures are not kept.
pub struct Cached<J> {
    judge: J,
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    verdicts: BTreeMap<String, ScoreOutcome>,
    order: VecDeque<String>,
}

impl<J: Judging> Cached<J> {
    /// Keeps at most so many verdicts, the latest.
    #[must_use]
    pub fn new(judge: J, most: usize) -> Self {
        Self { judge, most, kept: Mutex::default() }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, key: String, outcome: &ScoreOutcome) {
        let mut kept = self.locked();
        if kept.verdicts.insert(key.clone(), outcome.clone()).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > self.most {
            let Some(oldest) = kept.order.pop_front() else { return };
            kept.verdicts.remove(&oldest);
        }
    }
}

/// All that a judge may look at, whole: a hash could be met on purpose.
fn key(identity: &str, exchange: &Exchange<'_>) -> String {
    let history: Vec<String> = exchange
        .history
        .iter()
        .map(|message| format!("{:?}:{}", message.role, message.joined_text()))
        .collect();
    let (tools, expected) = (exchange.tools, exchange.expected_tools);
    serde_json::json!([
        identity,
        exchange.system,
        history,
        exchange.user,
        exchange.response,
        exchange.passages,
        exchange.reference,
        exchange.schema,
        tools,
        expected,
    ])
    .to_string()
}

#[async_trait]
impl<J: Judging> Judging for Cached<J> {
    fn name(&self) -> &EvaluatorName {
        self.judge.name()
    }

    fn needs(&self) -> Needs {
        self.judge.needs()
    }

    fn identity(&self) -> String {
        self.judge.identity()
    }

    fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd> {
        self.judge.most(exchange)
    }

    async fn judge(&self, exchange: &Exchange<'_>, call: &Call) -> Judged {
        let key = key(&self.judge.identity(), exchange);
        let kept = self.locked().verdicts.get(&key).cloned();
        if let Some(outcome) = kept {
            return Judged::free(outcome);
        }
        let judged = self.judge.judge(exchange, call).await;
        if judged.outcome.score().is_some() {
            self.keep(key, &judged.outcome);
        }
        judged
    }
}
