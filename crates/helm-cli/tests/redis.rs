//! The built program beside a Redis that is away, comes back, or is slow.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const AWAY: &str = "Redis does not answer";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The address of a port that nobody listens at.
fn nowhere() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Passes on at this address what the shared Redis and its callers say, each of its words after so long.
fn gateway(address: &str, url: &str, delay: Duration) -> String {
    let (listener, server) = (TcpListener::bind(address).unwrap(), url.trim_start_matches("redis://"));
    let (address, server) = (listener.local_addr().unwrap(), server.trim_end_matches('/').to_owned());
    std::thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(&server).unwrap();
            let (asks, asked) = (caller.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || pass(asks, asked, Duration::ZERO));
            std::thread::spawn(move || pass(server, caller, delay));
        }
    });
    format!("redis://{address}")
}

fn pass(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let mut bytes = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        std::thread::sleep(delay);
        if to.write_all(bytes.get(..length).unwrap()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// A server, what it will have said on standard error, and its address.
fn served(folder: &Path, redis: &str) -> (Child, JoinHandle<String>, String) {
    let environment = [("REDIS_URL", redis)];
    let mut child = program::start(folder, &environment, &["serve", "--listen", "127.0.0.1:0"]);
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (listens, address) = channel();
    let told = std::thread::spawn(move || {
        let mut all = String::new();
        for line in lines.map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("listening on http://") {
                listens.send(address.to_owned()).unwrap();
            }
            all = all + &line + "\n";
        }
        all
    });
    let address = address.recv_timeout(Duration::from_secs(30)).unwrap();
    (child, told, address)
}

fn ended(mut child: Child, told: JoinHandle<String>) -> String {
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    told.join().unwrap()
}

/// What the server answers, once it holds.
fn wait_for(address: &str, path: &str, holds: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        if holds(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path}: {answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_redis_that_was_never_reached_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (child, told, address) = served(folder.path(), &format!("redis://:hunter2@{}", nowhere()));
    wait_for(&address, "/metrics", |answer| answer.contains("\nhelm_redis_up 0\n"));
    for path in ["/health", "/readyz"] {
        let answer = wait_for(&address, path, |answer| answer.contains(AWAY));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // It is looked for again and again, and told of once.
    std::thread::sleep(Duration::from_millis(2_500));
    let log = ended(child, told);
    let warned: Vec<_> = log.lines().filter(|line| line.contains(AWAY)).collect();
    assert!(matches!(warned.as_slice(), [one] if one.contains("WARN") && one.contains("REDIS_URL")), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn a_redis_that_is_back_is_told_of() {
    let Some(url) = helm_testkit::service("HELM_TEST_REDIS", "a_redis_that_is_back") else { return };
    let (folder, place) = (tempfile::tempdir().unwrap(), nowhere());
    let (child, told, address) = served(folder.path(), &format!("redis://{place}"));
    wait_for(&address, "/readyz", |answer| answer.contains(AWAY));
    gateway(&place, &url, Duration::ZERO);
    wait_for(&address, "/metrics", |answer| answer.contains("\nhelm_redis_up 1\n"));
    wait_for(&address, "/readyz", |answer| !answer.contains(AWAY));
    let log = ended(child, told);
    assert_eq!((log.matches(AWAY).count(), log.matches("Redis answers again").count()), (1, 1), "{log}");
}

#[test]
fn the_doctor_is_patient_with_a_redis_that_is_slow() {
    let Some(url) = helm_testkit::service("HELM_TEST_REDIS", "the_doctor_is_patient") else { return };
    let folder = tempfile::tempdir().unwrap();
    let slow = gateway("127.0.0.1:0", &url, Duration::from_millis(150));
    let doctor =
        |redis: &str| -> Output { program::helmctl(folder.path(), &[("REDIS_URL", redis)], &["doctor"], "") };
    let found = doctor(&slow);
    assert!(text(&found.stdout).contains("it answers"), "{}{}", text(&found.stdout), text(&found.stderr));
    let away = doctor(&format!("redis://{}", nowhere()));
    assert!(text(&away.stdout).contains("it does not answer"), "{}", text(&away.stdout));
}
