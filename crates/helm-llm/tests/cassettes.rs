//! Recording and replaying.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use helm_core::{Message, Role, TenantId};
use helm_llm::cassette::{Cassette, CassetteError, Player, Recorder};
use helm_llm::codec::OpenAiChat;
use helm_llm::{
    Call, ChatEvent, ChatModel, ChatRequest, ErrorKind, HttpConfig, HttpModel, HttpTransport, Retry,
    RetryPolicy, Secret, Transport,
};
use helm_testkit::{ModelServer, Reply};

const KEY: &str = "sk-very-secret-key";

fn model(url: &str, transport: Arc<dyn Transport>) -> Retry<HttpModel> {
    let config = HttpConfig::new("main".parse().unwrap(), url).with_api_key(Secret::new(KEY));
    let mut policy = RetryPolicy::default();
    policy.base = Duration::from_millis(5);
    Retry::new(HttpModel::over(OpenAiChat::new("gpt-test"), config, transport).unwrap(), policy)
}

fn request(text: &str) -> ChatRequest {
    ChatRequest::new(vec![Message::text(Role::User, text)])
}

fn call() -> Call {
    Call::new(TenantId::single())
}

async fn streamed(model: &impl ChatModel, text: &str) -> Vec<Result<ChatEvent, ErrorKind>> {
    let stream = model.stream(&request(text), &call()).await.unwrap();
    stream.map(|event| event.map_err(|error| error.kind())).collect().await
}

/// A cassette of a retried call, a streamed one and one that broke off; each of them asks something secret.
async fn record() -> (Cassette, Vec<Result<ChatEvent, ErrorKind>>, Vec<Result<ChatEvent, ErrorKind>>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let script = [
        Reply::limited("retry-after-ms", "10"),
        Reply::Answer(format!("Hello, {KEY}.")),
        Reply::Answer("One two three.".to_owned()),
        Reply::Abort("One two three.".to_owned(), 2),
    ];
    let server = ModelServer::start(script).await.unwrap();
    let recorder = Recorder::new(Arc::new(HttpTransport::new(Duration::from_secs(5)).unwrap()));
    let model = model(&format!("{}?key={KEY}", server.base_url()), Arc::new(recorder.clone()));
    model.generate(&request(&format!("My key is {KEY}")), &call()).await.unwrap();
    let (whole, broken) = (streamed(&model, "count").await, streamed(&model, "break").await);
    (recorder.cassette(), whole, broken)
}

#[tokio::test]
async fn what_is_recorded_is_replayed_without_network_and_secrets() {
    let (cassette, whole, broken) = record().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("talk.json");
    cassette.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("very-secret") && text.contains("My key is …"), "{text}");
    assert_eq!(Cassette::load(&path).unwrap(), cassette);

    let player = Arc::new(Player::new(Cassette::load(&path).unwrap()));
    let model = model("http://nowhere.invalid/v1", Arc::<Player>::clone(&player));
    let call = call();
    let answer = model.generate(&request(&format!("My key is {KEY}")), &call).await.unwrap();
    assert_eq!((answer.text().as_str(), call.attempts()), ("Hello, ….", 2), "the failure was replayed, too");
    // In another order than they were recorded in.
    assert_eq!(streamed(&model, "break").await, broken);
    assert_eq!(streamed(&model, "count").await, whole);
    assert_eq!(player.left(), 0);
}

#[tokio::test]
async fn answers_are_written_without_the_secrets_that_they_quote() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let said = r#"Yours: password-of-the-store, {"api_key": "zxcvb"}, ghp_0123456789ab, redis://u:p@cache, sk-of-the-gateway-0."#;
    let server =
        ModelServer::start([Reply::Answer(said.to_owned()), Reply::status(401, "invalid_api_key", REFUSAL)])
            .await
            .unwrap();
    let network = HttpTransport::new(Duration::from_secs(5)).unwrap();
    let own = || [Secret::new("password-of-the-store")];
    let recorder = Recorder::new(Arc::new(network)).knowing(own());
    let url = format!("{}?key=of-the-gateway", server.base_url());
    let recorded = model(&url, Arc::new(recorder.clone()));
    let ask = request("Is it password-of-the-store?");
    let answer = recorded.generate(&ask, &call()).await.unwrap();
    assert!(answer.text().contains("password-of-the-store"), "who asks is told everything");
    let error = recorded.generate(&request("again"), &call()).await.unwrap_err().report();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("talk.json");
    recorder.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for secret in ["of-the-store", "zxcvb", "0123456789ab", "u:p", "of-the-gateway", "hunter2"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(!error.contains("hunter2") && !error.contains("of-the-gateway"), "{error}");
    let player = Player::new(Cassette::load(&path).unwrap()).knowing(own());
    let played = model("http://nowhere.invalid/v1", Arc::new(player));
    assert!(played.generate(&ask, &call()).await.unwrap().text().starts_with("Yours: …, "));
}

const REFUSAL: &str = "POST https://helm:hunter2@host/v1?key=of-the-gateway was refused, code of-the-gateway";

#[tokio::test]
async fn a_request_that_was_not_recorded_is_told_with_the_nearest() {
    let (cassette, ..) = record().await;
    let model = model("http://nowhere.invalid/v1", Arc::new(Player::new(cassette)));
    let call = call();
    let error = model.generate(&request("counts"), &call).await.unwrap_err();
    assert_eq!((error.kind(), call.attempts()), (ErrorKind::Unrecorded, 1), "it is not tried again");
    let report = error.report();
    for expected in ["POST /v1/chat/completions", "/messages/0/content", "\"counts\""] {
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn what_is_no_cassette_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.json");
    assert!(matches!(Cassette::load(&path), Err(CassetteError::File { .. })));
    for text in ["{", "{\"format_version\":1,\"exchanges\":[],\"more\":1}"] {
        std::fs::write(&path, text).unwrap();
        assert!(matches!(Cassette::load(&path), Err(CassetteError::Form { .. })), "{text}");
    }
    std::fs::write(&path, "{\"format_version\":9,\"exchanges\":[]}").unwrap();
    assert!(matches!(Cassette::load(&path), Err(CassetteError::Version { found: 9, .. })));
}
