//! The embedding client against a local server with faults.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use helm_core::TenantId;
use helm_llm::{
    Call, EmbedderConfig, EmbeddingModel, ErrorKind, HttpEmbedder, Retry, RetryPolicy, Secret, TimeoutKind,
};
use helm_testkit::{ModelServer, Reply};
use tokio::time::Instant;

fn config(server: &ModelServer) -> EmbedderConfig {
    // Only the first of these can succeed in a process; all are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    EmbedderConfig::new("embeddings".parse().unwrap(), server.base_url(), "embed-test", 3)
        .with_api_key(Secret::new("sk-very-secret"))
}

fn retrying(config: EmbedderConfig) -> Retry<HttpEmbedder> {
    let mut policy = RetryPolicy::default();
    policy.base = Duration::from_millis(5);
    Retry::new(HttpEmbedder::new(config).unwrap(), policy)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn call() -> Call {
    Call::new(TenantId::single())
}

#[tokio::test]
async fn a_call_ends_with_its_deadline_and_when_it_is_cancelled() {
    for cancels in [false, true] {
        let server = ModelServer::start([Reply::Silent]).await.unwrap();
        let (model, mut call) = (retrying(config(&server)), call());
        let cancel = call.cancel.clone();
        if !cancels {
            call = call.with_deadline(Instant::now() + Duration::from_millis(200));
        }
        let asked = texts(&["a"]);
        let cancelling = async {
            while cancels && call.attempts() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if cancels {
                cancel.cancel();
            }
        };
        let (ended, ()) = tokio::join!(model.embed(&asked, &call), cancelling);
        let ends = if cancels { ErrorKind::Cancelled } else { ErrorKind::Timeout(TimeoutKind::Total) };
        assert_eq!((ended.unwrap_err().kind(), call.attempts()), (ends, 1));
    }
}

#[tokio::test]
async fn nobody_waits_for_an_attempt_that_would_come_too_late() {
    let server = ModelServer::start([Reply::limited("retry-after", "30")]).await.unwrap();
    let call = call().with_deadline(Instant::now() + Duration::from_secs(10));
    let began = Instant::now();
    let error = retrying(config(&server)).embed(&texts(&["a"]), &call).await.unwrap_err();
    assert_eq!((error.kind(), call.attempts()), (ErrorKind::RateLimited, 1));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn texts_are_sent_in_batches_and_their_vectors_keep_their_order() {
    let server = ModelServer::start([]).await.unwrap();
    let model = retrying(config(&server).with_batch(2).asking_dimensions(true));
    let vectors =
        model.embed(&texts(&["a", "bb", "?!", "ccc", " ", "dddd", "eeeee"]), &call()).await.unwrap();
    let lengths: Vec<_> = vectors.iter().map(|vector| vector[0]).collect();
    assert_eq!(lengths, [1.0, 2.0, 0.0, 3.0, 0.0, 4.0, 5.0]);
    assert!(vectors.iter().all(|vector| vector.len() == model.dimensions()));
    let received = server.received();
    assert_eq!(received.len(), 3);
    let expected = serde_json::json!({
        "model": "embed-test", "input": ["a", "bb"], "encoding_format": "float", "dimensions": 3,
    });
    assert_eq!(received[0].body, expected);
    assert_eq!(received[0].authorization.as_deref(), Some("Bearer sk-very-secret"));
    assert!(model.embed(&[], &call()).await.unwrap().is_empty() && server.received().len() == 3);
}

#[tokio::test]
async fn passing_failures_are_tried_again_and_lasting_ones_are_not() {
    let good = || Reply::Answer(String::new());
    for (script, attempts, ends) in [
        (vec![Reply::status(500, "x", "oops"), good()], 2, None),
        (vec![Reply::limited("retry-after-ms", "10"), good()], 2, None),
        (vec![Reply::Silent, good()], 2, None),
        (vec![Reply::limited("retry-after", "600")], 1, Some(ErrorKind::RateLimited)),
        (vec![Reply::status(401, "invalid_api_key", "no: sk-very-secret")], 1, Some(ErrorKind::Auth)),
        (vec![Reply::status(429, "insufficient_quota", "pay")], 1, Some(ErrorKind::Billing)),
        (vec![Reply::Raw("{}".to_owned())], 1, Some(ErrorKind::Decode)),
        (vec![Reply::Silent], 3, Some(ErrorKind::Timeout(TimeoutKind::FirstToken))),
    ] {
        let server = ModelServer::start(script.clone()).await.unwrap();
        let model = retrying(config(&server).with_timeout(Duration::from_millis(200)));
        let ended = model.embed(&texts(&["a"]), &call()).await;
        if let Err(error) = &ended {
            assert!(!format!("{error} {error:?}").contains("very-secret"), "{error:?}");
        }
        assert_eq!(ended.err().map(|error| error.kind()), ends, "{script:?}");
        assert_eq!(server.received().len(), attempts, "{script:?}");
    }
}

#[tokio::test]
async fn vectors_of_another_length_are_refused() {
    let server = ModelServer::start([]).await.unwrap();
    let mut config = config(&server);
    config.dimensions = 7;
    let error = HttpEmbedder::new(config.clone()).unwrap().embed(&texts(&["a"]), &call()).await.unwrap_err();
    assert!(error.to_string().contains("3 dimensions, configured are 7"), "{error}");
    config.dimensions = 0;
    assert_eq!(HttpEmbedder::new(config).unwrap_err().kind(), ErrorKind::Setup);
}
