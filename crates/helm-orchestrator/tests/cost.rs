//! What an interaction costs, all told: its answer, and what judges of it take at their defaults.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common {
    pub(crate) mod settled;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use common::settled::settled;
use helm_core::{ModelName, NanoUsd, TokenCount, Usage, UserId};
use helm_orchestrator::eval::RewardSpecConfig;
use helm_orchestrator::eval::judge::{Judge, Rubric};
use helm_orchestrator::llm::{
    self, Call, Capabilities, ChatModel, ChatRequest, ChatResponse, ChatStream, Finish, FinishReason,
    PriceTable, Prices,
};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, Task, TaskJudge, TurnRequest};

const TURNS: u32 = 300;
/// Eight times this is 128 words, as long as answers of support are.
const ANSWER: &str =
    "Hold the small button beside the power socket for ten seconds, until all lights go out. ";

/// A model that answers or judges, for what its provider lists.
struct Listed {
    name: ModelName,
    capabilities: Capabilities,
    prices: Prices,
    charged: AtomicI64,
}

impl Listed {
    fn new(name: &str, model: &str) -> Self {
        let at = "2026-11-30T00:00:00Z".parse().unwrap();
        let prices = PriceTable::builtin().unwrap().find("openai", model, at).unwrap();
        let (capabilities, charged) = (Capabilities::default(), AtomicI64::new(0));
        Self { name: ModelName::new(name).unwrap(), capabilities, prices, charged }
    }
}

/// Some four bytes are a token.
fn tokens(text: &str) -> TokenCount {
    TokenCount::new(text.len().div_ceil(4) as u64)
}

#[async_trait]
impl ChatModel for Listed {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        self.prices.of(usage)
    }

    async fn generate(&self, request: &ChatRequest, _: &Call) -> llm::Result<ChatResponse> {
        let prompt: String = request.messages.iter().map(helm_core::Message::joined_text).collect();
        let code = prompt.split("\"code\": \"").nth(1).and_then(|rest| rest.split('"').next());
        let text = code.map_or_else(
            || ANSWER.repeat(8),
            |code| format!("{{\"evidence\": \"It says which button.\", \"level\": 4, \"code\": \"{code}\"}}"),
        );
        let usage = Usage::reported(tokens(&prompt), tokens(&text));
        let cost = self.price(usage);
        self.charged.fetch_add(cost.unwrap().nanos(), Ordering::SeqCst);
        let finish = Finish::new(FinishReason::Stop).with_usage(Some(usage)).with_cost(cost);
        Ok(ChatResponse::new(text, finish))
    }

    async fn stream(&self, _: &ChatRequest, _: &Call) -> llm::Result<ChatStream> {
        panic!("nothing is streamed here")
    }
}

async fn helm(store: &MemoryStore, model: &Arc<Listed>, judge: &Arc<Listed>) -> Helm {
    let text = "terms = [{ evaluator = \"relevance\", weight = 1 }, { evaluator = \"helpful\", weight = 9 }]\nmin_coverage = 0.1\n";
    let reward: RewardSpecConfig = toml::from_str(text).unwrap();
    let judge = Judge::new("helpful", Rubric::helpfulness().unwrap(), Arc::clone(judge) as _).unwrap();
    let task = Task::new("support").unwrap();
    let task = task.strategy("brief", "Be brief.").unwrap().strategy("whole", "Leave nothing out.").unwrap();
    let task = task.with_reward(reward.build(&"r".parse().unwrap()).unwrap());
    let task = task.with_judge(TaskJudge::new(Arc::new(judge)).unwrap());
    let builder = Helm::builder().store(Arc::new(store.clone())).model(Arc::clone(model) as _);
    builder.task(task).build().await.unwrap()
}

/// What the ledger says that the judge took.
async fn judged(helm: &Helm) -> i64 {
    let ledger = helm.preferences(&UserId::new("helm/judges").unwrap()).await.unwrap();
    let nanos = ledger.values.iter().filter(|(name, _)| name.ends_with("/nano_usd"));
    nanos.map(|(_, value)| value.as_i64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interaction_costs_less_than_a_cent_with_its_judgements() {
    let [model, judge] = [("main", "gpt-4o"), ("judge", "gpt-5-mini")];
    let [model, judge] = [model, judge].map(|(name, model)| Arc::new(Listed::new(name, model)));
    let store = MemoryStore::new();
    let helm = helm(&store, &model, &judge).await;
    let mut answers = 0;
    for number in 0..TURNS {
        let request = TurnRequest::new("ana", "support", format!("How do I reset router {number}?")).unwrap();
        answers += helm.turn(request).await.unwrap().cost.unwrap().nanos();
    }
    settled(&store).await;
    let judgements = judged(&helm).await;
    assert!(judgements > 0, "some are judged");
    assert_eq!(
        [answers, judgements],
        [model, judge].map(|one| one.charged.load(Ordering::SeqCst)),
        "what is charged is told"
    );
    let [each, judged] =
        [answers + judgements, judgements].map(|nanos| nanos as f64 / f64::from(TURNS) / 1e9);
    println!("an interaction costs ${each:.5}, of which judgements ${judged:.5}");
    assert!((0.001..0.01).contains(&each), "${each} an interaction");
}
