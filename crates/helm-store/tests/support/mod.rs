//! Redis servers for tests: the one that the environment names, and private ones that a test may stop.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use helm_store::{Redis, RedisOptions};

/// More than any machine needs for an answer, so that only wrong ones break a law.
pub(crate) const PATIENT: Duration = Duration::from_secs(10);

/// The shared server's address, or why the test is skipped.
pub(crate) fn shared() -> Option<String> {
    helm_testkit::service("HELM_TEST_REDIS", "what needs Redis")
}

/// A key prefix of its own, whose keys are deleted in the end.
pub(crate) struct Prefix {
    url: String,
    pub(crate) name: String,
}

impl Prefix {
    pub(crate) fn new(url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self { url: url.to_owned(), name: format!("helm-test-{process}-{number}") }
    }

    pub(crate) fn options(&self) -> RedisOptions {
        RedisOptions::new(&self.url).with_prefix(&self.name).with_command_timeout(PATIENT)
    }

    pub(crate) async fn connect(&self) -> Redis {
        let redis = Redis::connect(self.options()).await.unwrap();
        assert!(redis.is_up(), "no Redis at {}", self.url);
        redis
    }

    /// What a script answers that has the prefix as its argument.
    pub(crate) fn eval(&self, script: &str) -> String {
        let answer = self.ask(script).unwrap();
        assert!(!answer.starts_with('-'), "{answer}");
        answer.trim_end().trim_start_matches(':').to_owned()
    }

    fn ask(&self, script: &str) -> std::io::Result<String> {
        let address = self.url.trim_start_matches("redis://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address)?;
        let words = ["EVAL", script, "0", &self.name];
        let mut request = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| request += &format!("${}\r\n{word}\r\n", word.len()));
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer)
    }
}

/// Also when the test has failed.
impl Drop for Prefix {
    fn drop(&mut self) {
        let delete =
            "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do redis.call('DEL', key) end";
        let _ = self.ask(delete);
    }
}

/// A Redis server of a test's own, on a free port of the loopback.
pub(crate) struct PrivateRedis {
    port: u16,
    process: Option<Child>,
}

impl PrivateRedis {
    /// `None` when there is no `redis-server` on this machine.
    pub(crate) fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            helm_testkit::skip("what stops a Redis", "there is no redis-server");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { port, process: None };
        server.restart();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it, again on its port.
    pub(crate) fn restart(&mut self) {
        let port = self.port.to_string();
        let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let process = Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn().unwrap();
        self.process = Some(process);
        let begun = Instant::now();
        while !self.answers() {
            assert!(begun.elapsed() < Duration::from_secs(30), "redis-server does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = [0; 5];
        stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *b"+PONG"
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Holds it still, so that its connections stay and nothing answers; or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        let process = self.process.as_ref().unwrap().id().to_string();
        let signal = if frozen { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `holds`, and panics when it does not become so.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} does not come true");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How long calls took while a server was away.
#[derive(Debug)]
pub(crate) struct Times {
    most: Duration,
    longest: Duration,
    /// How many waited for the server, which takes 50 ms.
    waited: usize,
}

impl Times {
    /// One waits, which is the first or, where that was still told at once that its connection is gone, one that came soon
    /// after; the others are answered at once: on a machine that does other things too, nine of ten of them.
    pub(crate) fn are_fine(&self) -> bool {
        let [soon, at_once] = [60, 1].map(Duration::from_millis);
        self.waited <= 1 && self.longest <= soon && self.most <= at_once
    }
}

/// How many times a test tries to see [`Times::are_fine`].
pub(crate) const ROUNDS: usize = 10;

pub(crate) async fn time(mut call: impl AsyncFnMut()) -> Times {
    let mut times = Vec::with_capacity(500);
    for _ in 0..500 {
        let begun = Instant::now();
        call().await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let waited = times.iter().filter(|time| **time >= Duration::from_millis(40)).count();
    Times { most: times[450], longest: times[499], waited }
}
