//! Checks that somebody else makes.

#![cfg(feature = "remote")]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{Category, GuardAction, Severity, Span, Stage};
use helm_guardrails::{
    CheckError, CheckRequest, ClassifierCheck, Error, Finding, GuardrailBuilder, GuardrailEngine,
    GuardrailResult, Hold, JudgeCheck, ModerationCheck, OnError, PiiFilter, RanOutcome, RemoteCheck,
    RemoteLimits, Rule, StagePolicy, StreamStep, Transport,
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Finds `evil` after some time, and does worse when asked to.
struct Slow {
    id: &'static str,
    takes: Duration,
    asked: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Slow {
    fn new(id: &'static str, takes_ms: u64) -> Arc<Self> {
        Arc::new(Self {
            id,
            takes: Duration::from_millis(takes_ms),
            asked: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl RemoteCheck for Slow {
    fn id(&self) -> &str {
        self.id
    }

    fn categories(&self) -> &[Category] {
        &[Category::Remote]
    }

    async fn check(&self, request: CheckRequest<'_>) -> Result<Vec<Finding>, CheckError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let running = 1 + self.running.fetch_add(1, Ordering::Relaxed);
        self.most.fetch_max(running, Ordering::Relaxed);
        tokio::time::sleep(self.takes).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        assert!(!request.text.contains("panic"), "as asked");
        if request.text.contains("fail") {
            return Err(CheckError::Answer("as asked"));
        }
        let mut findings = Vec::new();
        if let Some(start) = request.text.find("evil") {
            let span = Span { start, end: start + 4 };
            findings.push(Finding::new(Category::Remote, "EVIL", span, Severity::High));
        }
        if request.text.contains("astray") {
            findings.push(Finding::new(
                Category::Remote,
                "EVIL",
                Span { start: 3, end: 999 },
                Severity::High,
            ));
        }
        Ok(findings)
    }
}

fn engine(action: GuardAction) -> GuardrailBuilder {
    let policy = StagePolicy::new()
        .with_rule(Category::Remote, Rule::new(action))
        .with_rule(Category::Pii, Rule::new(GuardAction::Block));
    GuardrailEngine::builder()
        .detector(Arc::new(PiiFilter::new()))
        .stage(Stage::Input, policy.clone().with_on_error(OnError::Open))
        .stage(Stage::Output, policy)
}

fn went(result: &GuardrailResult, id: &str) -> Option<RanOutcome> {
    result.ran.iter().find(|ran| ran.detector.as_ref() == id).map(|ran| ran.outcome)
}

#[tokio::test(start_paused = true)]
async fn all_are_asked_at_once_and_what_they_find_falls_under_the_rules() {
    let guard = engine(GuardAction::Redact)
        .remote(Slow::new("one", 300), RemoteLimits::default())
        .remote(Slow::new("two", 400), RemoteLimits::default())
        .build()
        .unwrap();
    let began = Instant::now();
    let result = guard.check_async(Stage::Output, "so evil it is").await;
    assert_eq!(began.elapsed(), Duration::from_millis(400));
    assert_eq!(result.text("so evil it is"), "so [EVIL] it is");
    let took = result.ran.iter().find(|ran| ran.detector.as_ref() == "one").and_then(|ran| ran.took);
    assert_eq!(took, Some(Duration::from_millis(300)));
    assert_eq!(went(&result, "pii"), Some(RanOutcome::Done));
}

#[tokio::test(start_paused = true)]
async fn what_is_blocked_here_is_not_sent_anywhere() {
    let slow = Slow::new("slow", 10);
    let guard = engine(GuardAction::Block).remote(slow.clone(), RemoteLimits::default()).build().unwrap();
    assert!(guard.check_async(Stage::Output, "ana@example.com").await.is_blocked());
    assert_eq!(slow.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_cannot_be_made_blocks_the_output_and_passes_the_input() {
    let limits = || RemoteLimits::default().with_max_bytes(40).with_rest(99, Duration::ZERO);
    let guard =
        |takes, limits| engine(GuardAction::Flag).remote(Slow::new("slow", takes), limits).build().unwrap();
    for (takes, text, outcome) in [
        (10, "fail", RanOutcome::Failed),
        (10, "panic", RanOutcome::Panicked),
        (10, "astray", RanOutcome::Failed),
        (3_000, "late", RanOutcome::TimedOut),
        (10, "longer than what is sent, by a little bit", RanOutcome::Skipped),
    ] {
        let guard = guard(takes, limits());
        let output = guard.check_async(Stage::Output, text).await;
        assert_eq!((went(&output, "slow"), output.is_blocked()), (Some(outcome), true), "{text}");
        let input = guard.check_async(Stage::Input, text).await;
        assert_eq!((input.action, input.text(text)), (GuardAction::Flag, text));
    }
    let open = guard(10, limits().with_on_error(OnError::Open));
    assert!(!open.check_async(Stage::Output, "fail").await.is_blocked(), "a check may have its own wish");
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_takes_the_check_for_failed() {
    let guard =
        engine(GuardAction::Flag).remote(Slow::new("slow", 10), RemoteLimits::default()).build().unwrap();
    let result = guard.check_output("fine");
    assert_eq!((went(&result, "slow"), result.is_blocked()), (Some(RanOutcome::NotAsked), true));
    let (sent, result) = guard.stream(Stage::Output).finish();
    assert!(sent.is_empty() && result.is_blocked());
    assert!(!guard.check_input("fine").is_blocked());
    assert!(guard.check_json(Stage::Output, "\"fine\"").is_blocked());
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_may() {
    let slow = Slow::new("slow", 100);
    let limits = RemoteLimits::default().with_concurrency(2).with_timeout(Duration::from_millis(250));
    let guard = engine(GuardAction::Flag).remote(slow.clone(), limits).build().unwrap();
    let checks = (0..6).map(|_| guard.check_async(Stage::Output, "fine"));
    let results = futures::future::join_all(checks).await;
    assert_eq!(slow.most.load(Ordering::Relaxed), 2);
    let outcomes: Vec<_> = results.iter().filter_map(|result| went(result, "slow")).collect();
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    // Two a turn of 100 ms; the third turn cannot end within 250 ms.
    assert_eq!((count(RanOutcome::Done), count(RanOutcome::TimedOut)), (4, 2), "{outcomes:?}");
    let none = engine(GuardAction::Flag).remote(slow, RemoteLimits::default().with_concurrency(0)).build();
    assert_eq!(none.err(), Some(Error::NoConcurrency { id: "slow".to_owned() }));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_keeps_failing_is_left_alone_for_a_while() {
    let slow = Slow::new("slow", 10);
    let limits = RemoteLimits::default().with_rest(3, Duration::from_secs(5));
    let guard = engine(GuardAction::Flag).remote(slow.clone(), limits).build().unwrap();
    for _ in 0..3 {
        guard.check_async(Stage::Output, "fail").await;
    }
    let resting = guard.check_async(Stage::Output, "fine").await;
    assert_eq!((went(&resting, "slow"), slow.asked.load(Ordering::Relaxed)), (Some(RanOutcome::Resting), 3));
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(!guard.check_async(Stage::Output, "fine").await.is_blocked());
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_held_back_for_them_or_told_late() {
    let guard = |hold| {
        let policy = StagePolicy::new().with_rule(Category::Remote, Rule::new(GuardAction::Redact));
        let builder = GuardrailEngine::builder().stage(Stage::Output, policy.with_hold(hold));
        builder.remote(Slow::new("slow", 10), RemoteLimits::default()).build().unwrap()
    };
    let text = "it is an evil thing to do so. ";
    let mut held = guard(Hold::Awake).stream(Stage::Output);
    assert_eq!(held.push(text), StreamStep::Emit(String::new()));
    let (rest, result) = held.finish_async().await;
    assert_eq!((rest.as_str(), result.action), ("it is an [EVIL] thing to do so. ", GuardAction::Redact));
    let mut late = guard(Hold::Nothing).stream(Stage::Output);
    assert_eq!(late.push(text), StreamStep::Emit(text.to_owned()));
    let (rest, result) = late.finish_async().await;
    assert_eq!((rest.as_str(), result.violations.len()), ("", 1));
}

/// Answers always the same, and says what it was sent.
struct Canned(Value, tokio::sync::mpsc::UnboundedSender<Value>);

#[async_trait]
impl Transport for Canned {
    async fn send(&self, body: Value) -> Result<Value, CheckError> {
        self.1.send(body).map_err(|error| CheckError::Transport(error.into()))?;
        Ok(self.0.clone())
    }
}

/// What a check finds in "text" when it is answered so, or that it fails, and what it sent.
async fn answered<C: RemoteCheck + 'static>(
    answer: Value,
    check: impl FnOnce(Canned) -> C,
) -> (Vec<String>, bool, Value) {
    let (sender, mut sent) = tokio::sync::mpsc::unbounded_channel();
    let check = check(Canned(answer, sender));
    let category = check.categories()[0];
    let builder = GuardrailEngine::builder().rule(Stage::Output, category, Rule::new(GuardAction::Flag));
    let guard = builder.remote(Arc::new(check), RemoteLimits::default()).build().unwrap();
    let result = guard.check_async(Stage::Output, "text").await;
    let found =
        result.violations.iter().map(|found| format!("{} {}", found.entity, found.score.get())).collect();
    (found, result.is_blocked(), sent.recv().await.unwrap())
}

#[tokio::test]
async fn moderation_endpoints_are_understood() {
    let check = |transport| ModerationCheck::new("omni", transport);
    let answer = json!({"results": [{"category_scores": {"harassment/threatening": 0.9, "violence": 0.1}}]});
    let (found, failed, sent) = answered(answer, check).await;
    assert_eq!((found, failed), (vec!["HARASSMENT_THREATENING 0.9".to_owned()], false));
    assert_eq!(sent, json!({"model": "omni", "input": "text"}));
    for answer in [json!({}), json!({"results": [{"category_scores": {"violence": "high"}}]}), json!(null)] {
        assert!(answered(answer, check).await.1);
    }
}

#[tokio::test]
async fn classifier_servers_are_understood() {
    let check = |transport| ClassifierCheck::new("guard", Category::Injection, ["JAILBREAK"], transport);
    let labels = json!([{"label": "JAILBREAK", "score": 0.75}, {"label": "BENIGN", "score": 0.25}]);
    for answer in [labels.clone(), json!([labels])] {
        assert_eq!(answered(answer, check).await.0, ["JAILBREAK 0.75"]);
    }
    for answer in
        [json!({"error": "loading"}), json!([{"score": 1}]), json!([{"label": "JAILBREAK", "score": 7}])]
    {
        assert!(answered(answer, check).await.1);
    }
}

#[tokio::test]
async fn a_judges_words_are_understood() {
    let check = |transport| JudgeCheck::new("advice", Category::Topic, "No medical advice.", transport);
    let (found, failed, sent) =
        answered(json!("```json\n{\"violates\": true, \"score\": 0.8}\n```"), check).await;
    assert_eq!((found, failed), (vec!["ADVICE 0.8".to_owned()], false));
    assert!(sent["system"].as_str().unwrap().contains("No medical advice."));
    let user: Vec<_> = sent["user"].as_str().unwrap().lines().collect();
    assert!(user[1] == "text" && user[0] == user[2] && sent["system"].as_str().unwrap().contains(user[0]));
    assert_eq!(answered(json!("{\"violates\": false, \"score\": 0.1}"), check).await.0.len(), 0);
    for answer in [json!("Sure, it is fine!"), json!("{\"score\": 1}"), json!({"violates": true})] {
        assert!(answered(answer, check).await.1);
    }
}
