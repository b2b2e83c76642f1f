//! The official Python SDKs of OpenAI and Anthropic against servers of Helm: the cases are in `tests/sdk`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and reports each case")]

mod outside;
#[path = "outside/python.rs"]
mod python;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use helm_orchestrator::store::{Limit, Limits, Resource};
use helm_orchestrator::{AdmissionLimits, HelmBuilder, HelmConfig};
use helm_server::{ApiKeys, ServerOptions};
use helm_testkit::{Answer, End, ModelServer, Reply};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use outside::{played, start, tests};
use python::python;

/// The cases that there are at least: the project holds itself to them.
const CASES: usize = 60;
const KEY: &str = "hk_0a1b2c3d_0123456789abcdef0123456789abcdef";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_sdks_notice_nothing() {
    let Some(python) = python("sdk", "the_official_sdks").await else { return };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let flaky = Mutex::new(HashMap::new());
    let upstream = ModelServer::choosing(move |body| reply(body, &flaky)).await.unwrap();
    let keys = ApiKeys::parse(&ApiKeys::entry("tests", KEY)).unwrap();
    let hasty = Limits::new([Limit::new(Resource::Requests, 1, Duration::from_secs(2)).unwrap()]).unwrap();
    let limits = AdmissionLimits::default().with_user(hasty);
    let stop = CancellationToken::new();
    let plain = ServerOptions::default;
    let scripted = start(builder(Some(&upstream)).build().await.unwrap(), plain(), &stop).await;
    let builtin = start(builder(None).build().await.unwrap(), plain(), &stop).await;
    let keyed = start(builder(None).build().await.unwrap(), plain().with_keys(keys), &stop).await;
    let limited = start(builder(Some(&upstream)).limits(limits).build().await.unwrap(), plain(), &stop).await;
    let some = std::env::var("HELM_SDK_CASES").ok();
    let mut cases = Command::new(python);
    cases
        .arg("-u")
        .arg(tests().join("sdk/run.py"))
        .args(&some)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HELM_SCRIPTED_URL", scripted)
        .env("HELM_BUILTIN_URL", builtin)
        .env("HELM_KEYED_URL", keyed)
        .env("HELM_LIMITED_URL", limited)
        .env("HELM_KEY", KEY);
    played(cases, CASES, some.is_some()).await;
    stop.cancel();
}

/// Two tasks over this model, or over the built-in one.
fn builder(upstream: Option<&ModelServer>) -> HelmBuilder {
    let model = upstream.map_or_else(String::new, |upstream| {
        let url = upstream.base_url();
        format!("[models.main]\nfamily = \"openai-chat\"\nbase_url = \"{url}\"\nmodel = \"scripted\"\nidle_seconds = 20\n")
    });
    let tasks = "
        [guardrails.tests]\nbanned_words = [\"xylomancy\"]
        [guardrails.tests.input]\nprofanity = \"block\"
        [guardrails.tests.output]\nprofanity = \"block\"
        [tasks.support]\nsticky = \"conversation\"\nguardrails = \"tests\"
        [tasks.support.strategies.concise]\nsystem = \"Answer in at most two sentences.\"
        [tasks.support.strategies.stepwise]\nsystem = \"Answer step by step.\"
        [tasks.writing.strategies.concise]\nsystem = \"Help in at most two sentences.\"
    ";
    let config = HelmConfig::from_toml(&format!("{model}{tasks}"), Path::new("helm.toml")).unwrap();
    let builder = config.builder(&|_| None).unwrap();
    builder.store(std::sync::Arc::new(helm_orchestrator::store::memory::MemoryStore::new()))
}

/// What the model answers: the user's last message says so, as `@WHAT REST`.
fn reply(body: &Value, flaky: &Mutex<HashMap<String, u32>>) -> Reply {
    let said = asked(body);
    let (what, rest) = said.strip_prefix('@').unwrap_or("say Hello.").split_once(' ').unwrap_or((&said, ""));
    match what.trim_start_matches('@') {
        "say" => Reply::Answer(rest.to_owned()),
        "banned" => {
            Reply::Answer("A long sentence that is all right. And then xylomancy is spoken of.".to_owned())
        }
        "echo" => Reply::Answer(body.to_string()),
        "refuse" => Reply::Says(Answer::refusing(rest)),
        "length" => Reply::Says(Answer::text(rest).cut_short()),
        "call" => Reply::Says(calls(rest)),
        "tools" => tools(body, rest),
        "filter" => filtered(body),
        "slow" => {
            let (pause, text) = rest.split_once(' ').unwrap();
            Reply::Slow(Duration::from_millis(pause.parse().unwrap()), text.to_owned())
        }
        "stall" => Reply::Stall(rest.to_owned(), 4),
        "error" => Reply::ErrorEvent(rest.to_owned(), 4),
        "cut" => Reply::Cut(rest.to_owned(), 4),
        "fail" => Reply::status(rest.parse().unwrap(), "some_code", "secret words of the provider"),
        "flaky" => fails_at_first(rest, flaky),
        other => Reply::Answer(format!("there is no reply {other}")),
    }
}

/// The last message of the user.
fn asked(body: &Value) -> String {
    let messages = body["messages"].as_array().unwrap();
    let last = messages.iter().rfind(|message| message["role"] == "user").unwrap();
    match &last["content"] {
        Value::String(text) => text.clone(),
        parts => parts.as_array().unwrap().iter().filter_map(|part| part["text"].as_str()).collect(),
    }
}

/// `NAME ARGUMENTS | NAME ARGUMENTS`.
fn calls(text: &str) -> Answer {
    text.split(" | ").fold(Answer::default(), |answer, call| {
        let (name, arguments) = call.split_once(' ').unwrap();
        answer.calling(name, serde_json::from_str(arguments).unwrap())
    })
}

/// Calls, and once they are answered, what the tools said.
fn tools(body: &Value, text: &str) -> Reply {
    let messages = body["messages"].as_array().unwrap();
    let results = messages.iter().filter(|message| message["role"] == "tool");
    let results: Vec<_> = results.map(|message| message["content"].as_str().unwrap()).collect();
    match results.is_empty() {
        true => Reply::Says(calls(text)),
        false => Reply::Answer(format!("The tools said {}.", results.join(", "))),
    }
}

fn filtered(body: &Value) -> Reply {
    let choice = json!({
        "index": 0, "message": { "role": "assistant", "content": "" }, "delta": {}, "finish_reason": "content_filter",
    });
    let answer =
        json!({ "id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice] });
    match body["stream"] == true {
        true => Reply::Events(vec![answer.to_string(), "[DONE]".to_owned()], End::Close),
        false => Reply::Raw(answer.to_string()),
    }
}

/// `TIMES STATUS KEY`: this many failures of this status, and then an answer.
fn fails_at_first(text: &str, flaky: &Mutex<HashMap<String, u32>>) -> Reply {
    let [times, status, key] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let mut flaky = flaky.lock().unwrap();
    let seen = flaky.entry(key.to_owned()).or_default();
    *seen += 1;
    match *seen <= times.parse().unwrap() {
        true => Reply::status(status.parse().unwrap(), "some_code", "secret words of the provider"),
        false => Reply::Answer("At last.".to_owned()),
    }
}
