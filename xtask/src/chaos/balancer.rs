use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

/// How long one replica may take for one request.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How long a caller waits, whichever replica answers.
const CALL: Duration = Duration::from_secs(5);
/// How long a replica that could not be reached gets no requests.
const REST: Duration = Duration::from_secs(1);
/// Between one attempt and the next at most, the first time and ever: twice as long each time.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(800)];

/// Sends requests to the replicas in turn, and what fails to another one, as a reverse proxy does.
pub(crate) struct Balancer {
    client: reqwest::Client,
    targets: Vec<Target>,
    next: AtomicUsize,
    paused: AtomicU32,
}

struct Target {
    address: SocketAddr,
    rests_until: Mutex<Option<Instant>>,
}

/// An answer, or why there is none, and how often a replica was asked.
pub(crate) struct Called {
    pub(crate) answer: Result<Value, String>,
    pub(crate) attempts: u32,
}

impl Balancer {
    pub(crate) fn over(addresses: impl IntoIterator<Item = SocketAddr>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(ATTEMPT).tcp_nodelay(true).no_proxy().build()?;
        let targets =
            addresses.into_iter().map(|address| Target { address, rests_until: Mutex::default() }).collect();
        Ok(Self { client, targets, next: AtomicUsize::new(0), paused: AtomicU32::new(0) })
    }

    /// Posts to whichever replica answers within five seconds.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Called {
        let deadline = Instant::now() + CALL;
        let (mut attempts, mut why) = (0, "there is no replica".to_owned());
        while Instant::now() < deadline {
            let Some(target) = self.turn_of() else { break };
            attempts += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            match attempt(&self.client, target.address, path, body, left).await {
                Ok(answer) => return Called { answer: Ok(answer), attempts },
                Err(Failed { told, again: false }) => return Called { answer: Err(told), attempts },
                Err(Failed { told, again: true }) => why = told,
            }
            target.rest();
            tokio::time::sleep(self.pause(attempts).min(deadline.saturating_duration_since(Instant::now())))
                .await;
        }
        Called { answer: Err(why), attempts }
    }

    /// Posts to this replica alone, once.
    pub(crate) async fn probe(&self, address: SocketAddr, path: &str, body: &Value) -> Option<Value> {
        attempt(&self.client, address, path, body, ATTEMPT).await.ok()
    }

    /// Between nothing and twice as long as before, as clients do it that are not to come back all at once.
    fn pause(&self, attempts: u32) -> Duration {
        let [first, longest] = PAUSES;
        let most = longest.min(first * 2_u32.saturating_pow(attempts - 1));
        // As evenly spread as is needed here: the golden ratio's fractions of a running number.
        let running = self.paused.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9);
        most.mul_f64(f64::from(running) / f64::from(u32::MAX))
    }

    /// The next replica that does not rest; any if all do.
    fn turn_of(&self) -> Option<&Target> {
        let begin = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn =
            || self.targets.iter().cycle().skip(begin % self.targets.len().max(1)).take(self.targets.len());
        in_turn().find(|target| !target.rests()).or_else(|| in_turn().next())
    }
}

impl Target {
    fn rests(&self) -> bool {
        let until = self.rests_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self) {
        let mut until = self.rests_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *until = Some(Instant::now() + REST);
    }
}

struct Failed {
    told: String,
    again: bool,
}

async fn attempt(
    client: &reqwest::Client,
    address: SocketAddr,
    path: &str,
    body: &Value,
    most: Duration,
) -> Result<Value, Failed> {
    let unreached = |error: reqwest::Error| Failed { told: error.to_string(), again: true };
    let request = client.post(format!("http://{address}{path}")).timeout(most.min(ATTEMPT)).json(body);
    let answer = request.send().await.map_err(unreached)?;
    let status = answer.status();
    let text = answer.text().await.map_err(unreached)?;
    if status != StatusCode::OK {
        let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        return Err(Failed { told: format!("{status}: {text}"), again });
    }
    serde_json::from_str(&text).map_err(|error| Failed { told: error.to_string(), again: false })
}
