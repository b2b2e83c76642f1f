//! Tools of MCP servers in a turn.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use helm_core::{Part, ToolCall, ToolCallId};
use helm_orchestrator::llm::{
    AnswerPart, ChatResponse, Finish, FinishReason, RequestedCall, Scripted, ScriptedModel,
};
use helm_orchestrator::{HelmBuilder, HelmConfig, TurnRequest};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../helm-llm/tests/mcp_server.py");

fn config(more: &str) -> (HelmConfig, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let text = format!(
        "[mcp.files]\ncommand = [\"python3\", {SERVER:?}, \"stdio\", {log:?}]\n
         [models.main]\nfamily = \"builtin\"\n[tasks.support]\nmcp = [\"files\"]\n
         [tasks.support.strategies.plain]\nmodel = \"scripted\"\n{more}\n"
    );
    let mut config: HelmConfig = toml::from_str(&text).unwrap();
    config.store.url = format!("sqlite://{}", folder.path().join("helm.db").display()).into();
    (config, folder)
}

fn with_model(config: &HelmConfig) -> (HelmBuilder, Arc<ScriptedModel>) {
    let call = ToolCall::new(ToolCallId::new("1"), "files_add", "{\"a\": 2, \"b\": 3}");
    let parts = vec![AnswerPart::Call(RequestedCall::new(call))];
    let calls = ChatResponse::of_parts(parts, Finish::new(FinishReason::ToolCalls));
    let script = [Scripted::Respond(Box::new(calls)), Scripted::Answer("It is 5.".to_owned())];
    let model = Arc::new(ScriptedModel::new("scripted".parse().unwrap(), script));
    (config.builder(&|_| None).unwrap().model(Arc::clone(&model) as _), model)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_calls_the_tools_of_a_server() {
    let (config, _folder) = config("tools = [\"files_add\"]");
    let (builder, model) = with_model(&config);
    let helm = builder.build().await.unwrap();
    let turn = helm.turn(TurnRequest::new("ana", "support", "What is 2 + 3?").unwrap()).await.unwrap();
    assert_eq!(turn.answer.as_deref(), Some("It is 5."));
    let requests = model.requests();
    assert_eq!(requests[0].tools.len(), 1);
    let parts = requests[1].messages.iter().flat_map(|message| &message.parts);
    let results: Vec<_> =
        parts.filter_map(|part| if let Part::ToolResult(r) = part { Some(r) } else { None }).collect();
    assert_eq!((results[0].content.as_str(), results[0].is_error), ("5", false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_found_at_the_start() {
    let (absent_tool, _folder) = config("tools = [\"files_absent\"]");
    let error = with_model(&absent_tool).0.build().await.err().unwrap().to_string();
    assert!(error.contains("strategies.plain.tools") && error.contains("files_add"), "{error}");
    let (mut absent, _folder) = config("");
    absent.mcp.clear();
    let error = with_model(&absent).0.check().err().unwrap().to_string();
    assert!(error.contains("tasks.support.mcp") && error.contains("[mcp.files]"), "{error}");
    let (mut both, _folder) = config("");
    both.mcp.values_mut().for_each(|section| section.url = Some("http://127.0.0.1:1".into()));
    let error = both.builder(&|_| None).err().unwrap().to_string();
    assert!(error.contains("mcp.files") && error.contains("either"), "{error}");
}
