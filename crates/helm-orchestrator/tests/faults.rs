//! Turns over a provider that fails in every way there is, one time in five.
//!
//! `HELM_FAULT_TURNS=10000 cargo test --release -p helm-orchestrator --test faults` plays more of them, and looks at
//! the memory, too.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use helm_core::{TenantId, TurnStatus};
use helm_orchestrator::llm::codec::OpenAiChat;
use helm_orchestrator::llm::{HttpConfig, HttpModel, Prices, Retry, RetryPolicy, Timeouts};
use helm_orchestrator::store::{LogQuery, TurnView};
use helm_orchestrator::{Helm, Task, TurnRequest};
use helm_testkit::{ModelServer, Reply};

const ANSWER: &str = "You reset your password in the settings of your account, under security.";
/// How many turns are under way at the same time.
const CLIENTS: usize = 16;
/// One caller in so many goes away before the end.
const HANGS_UP: usize = 29;

fn turns() -> usize {
    std::env::var("HELM_FAULT_TURNS").ok().and_then(|given| given.parse().ok()).unwrap_or(600)
}

/// Every way to fail: before anything of the answer, and after some of it.
fn faults() -> Vec<Reply> {
    let text = || ANSWER.to_owned();
    vec![
        Reply::status(500, "server_error", "the engine fell over"),
        Reply::status(503, "overloaded", "come again"),
        Reply::status(529, "overloaded_error", "come again"),
        Reply::limited("retry-after-ms", "3"),
        Reply::limited("retry-after", "0"),
        Reply::status(408, "timeout", "too slow"),
        Reply::status(400, "invalid_request_error", "no"),
        Reply::Raw("{\"id\": nothing".to_owned()),
        Reply::Cut(text(), 0),
        Reply::Abort(text(), 0),
        Reply::Stall(text(), 0),
        Reply::Silent,
        Reply::Cut(text(), 4),
        Reply::Abort(text(), 4),
        Reply::Stall(text(), 4),
        Reply::ErrorEvent(text(), 4),
        Reply::Malformed(text(), 4),
    ]
}

/// Four good replies, then a bad one, each kind in its turn.
fn script(replies: usize) -> Vec<Reply> {
    let mut bad = faults().into_iter().cycle();
    let reply = |at: usize| match at % 5 {
        4 => bad.next().unwrap(),
        _ => Reply::Answer(ANSWER.to_owned()),
    };
    (0..replies).map(reply).collect()
}

fn quick_retries() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    (policy.base, policy.cap) = (Duration::from_millis(2), Duration::from_millis(10));
    policy
}

async fn helm(server: &ModelServer, folder: &std::path::Path) -> Helm {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let quick = Duration::from_millis(150);
    let timeouts = Timeouts { connect: Duration::from_secs(5), first_token: quick, idle: quick };
    let config = HttpConfig::new("main".parse().unwrap(), server.base_url())
        .with_timeouts(timeouts)
        .with_prices(Prices::per_million(1.0, 2.0).unwrap());
    let model = Retry::new(HttpModel::new(OpenAiChat::new("m"), config).unwrap(), quick_retries());
    let limits = helm_core::Limits::default().with_deadline(Duration::from_millis(1_500));
    let id = "plain@1".parse().unwrap();
    let strategy = helm_core::Strategy::new(id, "main".parse().unwrap()).with_limits(limits);
    let task = Task::new("support").unwrap().with_strategy(strategy);
    let builder = Helm::builder().sqlite(folder.join("helm.db")).model(Arc::new(model)).task(task);
    builder.build().await.unwrap()
}

/// One turn, streamed in two of three cases; the callers of some go away.
async fn play(helm: &Helm, at: usize) {
    let user = format!("user-{}", at % 50);
    let request = TurnRequest::new(user, "support", "How do I reset my password?").unwrap();
    if at.is_multiple_of(3) {
        drop(helm.turn(request).await);
        return;
    }
    let mut stream = helm.turn_stream(request).unwrap();
    if at % HANGS_UP == 1 {
        drop(tokio::time::timeout(Duration::from_millis(at as u64 % 7), stream.next_event()).await);
        return;
    }
    while stream.next_event().await.is_some() {}
}

async fn logged(helm: &Helm) -> Vec<TurnView> {
    let (mut turns, mut after) = (Vec::new(), None);
    loop {
        let log = helm.store().log();
        let page = log.scan(&TenantId::single(), &LogQuery::default(), after.as_ref(), 500).await.unwrap();
        turns.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return turns,
        }
    }
}

/// The process's memory in bytes, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_turn_ends_once_whatever_fails() {
    let (turns, folder) = (turns(), tempfile::tempdir().unwrap());
    let server = ModelServer::start(script(turns * 3)).await.unwrap();
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let helm = helm(&server, folder.path()).await;
    let warm = turns / 5;
    stream::iter(0..warm).for_each_concurrent(CLIENTS, |at| play(&helm, at)).await;
    let early = resident();
    stream::iter(warm..turns).for_each_concurrent(CLIENTS, |at| play(&helm, at)).await;
    let late = resident();
    // Those whose callers went away end by themselves.
    for _ in 0..100 {
        if logged(&helm).await.iter().filter(|turn| turn.outcome.is_some()).count() == turns {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = logged(&helm).await;
    assert_eq!(log.len(), turns, "each turn is recorded once");
    check_ends(&log);
    check_calls(&log, server.received().len() as u64);
    assert!(helm.audit(&"support".parse().unwrap()).await.unwrap().mismatches.is_empty());
    assert!(helm.shutdown(Duration::from_secs(5)).await, "no turn is left running");
    drop(helm);
    drop(server);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let after = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(after <= before, "{after} tasks are left of {before}");
    if let (Some(early), Some(late), true) = (early, late, turns >= 5_000) {
        let grown = late.saturating_sub(early);
        // The server of this test keeps every request; that is about a kilobyte each.
        assert!(grown < (32 << 20) + turns as u64 * 2_048, "the memory grew by {grown} bytes");
    }
}

/// Every turn has one end, and what it cost is that of one answer.
fn check_ends(log: &[TurnView]) {
    let mut ends = BTreeMap::<_, u32>::new();
    let prices = Prices::per_million(1.0, 2.0).unwrap();
    for turn in log {
        let outcome = turn.outcome.as_ref().unwrap();
        *ends.entry(outcome.status.as_str()).or_default() += 1;
        match outcome.status {
            TurnStatus::Completed => {
                assert_eq!(turn.output.as_deref(), Some(ANSWER));
                assert!(!outcome.usage.estimated);
                assert_eq!(outcome.cost, prices.of(outcome.usage), "one answer is paid for once");
            }
            TurnStatus::UpstreamError | TurnStatus::Timeout => {
                assert_eq!((outcome.cost, turn.reward.is_some()), (None, false), "{outcome:?}");
            }
            TurnStatus::Cancelled => {}
            other => panic!("{other:?} is no way to end here"),
        }
    }
    let completed = ends.get("completed").copied().unwrap_or(0) as usize;
    assert!(completed * 10 >= log.len() * 7, "{ends:?}");
    assert!(ends.len() >= 3, "{ends:?}");
}

/// Every request to the provider is some turn's, and few are repetitions.
fn check_calls(log: &[TurnView], received: u64) {
    let attempts = log.iter().map(|turn| u64::from(turn.outcome.as_ref().unwrap().attempts));
    let (calls, retries) =
        (attempts.clone().sum::<u64>(), attempts.map(|n| n.saturating_sub(1)).sum::<u64>());
    assert!(received <= calls, "{received} requests came, {calls} are accounted for");
    // Ten are in reserve.
    assert!(retries * 5 <= calls + 50, "{retries} of {calls} calls are retries");
}

#[tokio::test]
async fn what_fails_after_its_first_word_is_not_asked_again() {
    for reply in faults() {
        let folder = tempfile::tempdir().unwrap();
        let server = ModelServer::start([reply.clone(), Reply::Answer(ANSWER.to_owned())]).await.unwrap();
        let helm = helm(&server, folder.path()).await;
        let request = TurnRequest::new("ana", "support", "How do I reset my password?").unwrap();
        let turn = helm.turn_stream(request).unwrap().into_response().await.unwrap();
        let begun = matches!(
            reply,
            Reply::Cut(_, 4)
                | Reply::Abort(_, 4)
                | Reply::Stall(_, 4)
                | Reply::ErrorEvent(_, 4)
                | Reply::Malformed(_, 4)
        );
        let refused = matches!(reply, Reply::Failure(400, ..) | Reply::Raw(_));
        match begun || refused {
            true => {
                assert_eq!(server.received().len(), 1, "{reply:?}");
                assert!(turn.status.is_failure(), "{reply:?}: {:?}", turn.status);
            }
            false => {
                assert_eq!(server.received().len(), 2, "{reply:?}");
                assert_eq!(
                    (turn.status, turn.answer.as_deref()),
                    (TurnStatus::Completed, Some(ANSWER)),
                    "{reply:?}"
                );
            }
        }
        helm.shutdown(Duration::from_secs(5)).await;
    }
}
