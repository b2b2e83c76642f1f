//! A typed function that the model calls, and an answer of a form: `cargo run --example tools`.
//!
//! The built-in demonstration model calls no tools, so a scripted one stands in for a provider's. With a real model
//! nothing else changes.

#[path = "shared/say.rs"]
mod say;

use std::sync::Arc;

use helm_orchestrator::core::{Limits, ModelName, Strategy, StrategyId, StrategyName};
use helm_orchestrator::llm::{
    AnswerPart, ChatResponse, Finish, FinishReason, FnTool, OutputSchema, RequestedCall, Schema, Scripted,
    ScriptedModel, ToolContext, ToolFailure,
};
use helm_orchestrator::prelude::*;
use say::say;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What the model has to say to call the tool. The comments on the fields are what it reads.
#[derive(Deserialize, JsonSchema)]
struct Order {
    /// The number on the receipt.
    number: u32,
}

async fn order_status(order: Order, _: ToolContext) -> Result<String, ToolFailure> {
    match order.number {
        4711 => Ok("on its way, arrives on Tuesday".to_owned()),
        other => {
            Err(ToolFailure::new(format!("there is no order {other}; ask for the number on the receipt")))
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let tool = FnTool::new("order_status", "Says where an order is.", order_status)?;
    let id = StrategyId::new(StrategyName::new("plain")?, 1);
    let strategy = Strategy::new(id, ModelName::new("main")?)
        .with_system("Help with orders. Look them up before you answer.")
        .with_limits(Limits::default().with_tool_turns(3));
    let task = Task::new("orders")?.with_strategy(strategy).with_tool(Arc::new(tool));
    let helm = Helm::builder().model(Arc::new(model()?)).task(task).build().await?;

    let turn = helm.turn(TurnRequest::new("ana", "orders", "Where is my order 4711?")?).await?;
    say(format_args!("{}", turn.answer.unwrap_or_default()));

    let schema = json!({
        "type": "object",
        "properties": { "day": { "type": "string" } },
        "required": ["day"],
    });
    let form = OutputSchema::new("arrival".parse()?, Schema::new(schema)?);
    let asked = TurnRequest::new("ana", "orders", "On which day does it arrive?")?.with_output(form);
    match helm.turn(asked).await?.value {
        Some(Ok(value)) => say(format_args!("It arrives on {}.", value["day"])),
        Some(Err(mismatch)) => say(format_args!("The answer has another form: {mismatch}")),
        None => say("There was no answer."),
    }
    helm.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

/// A model that asks for the tool, tells what it said, and then answers in the form.
fn model() -> anyhow::Result<ScriptedModel> {
    let call = serde_json::from_value(json!({
        "id": "call_1", "name": "order_status", "arguments": r#"{"number":4711}"#,
    }))?;
    let asks = vec![AnswerPart::Call(RequestedCall::new(call))];
    let script = [
        Scripted::Respond(Box::new(ChatResponse::of_parts(asks, Finish::new(FinishReason::ToolCalls)))),
        Scripted::Answer("Your order is on its way and arrives on Tuesday.".to_owned()),
        Scripted::Answer(r#"{"day":"Tuesday"}"#.to_owned()),
    ];
    Ok(ScriptedModel::new(ModelName::new("main")?, script))
}
