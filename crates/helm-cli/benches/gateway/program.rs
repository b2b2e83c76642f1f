//! A server in a process of its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::callers::Ask;
use crate::{Any, machine};

/// What is measured: how it is started, and what it is asked. It tells its address in the line that says where it listens.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) command: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    pub(crate) ask: Ask,
}

/// A server that listens; it ends when this is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// A Python program may take this long to import what it needs.
const PATIENCE: Duration = Duration::from_secs(180);

impl Program {
    pub(crate) async fn start(target: Target) -> Any<Self> {
        let mut words = target.command.into_iter();
        let program = words.next().ok_or("no program")?;
        let mut command = machine::on(0, program);
        let command = command.args(words).envs(target.environment);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (told, telling) = mpsc::channel();
        let pipes = [child.stdout.take().map(boxed), child.stderr.take().map(boxed)];
        for pipe in pipes.into_iter().flatten() {
            listen(pipe, told.clone());
        }
        drop(told);
        // Dropped on every way out of here, which ends the process.
        let mut program = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        program.address = found(&telling)?;
        program.answers().await?;
        Ok(program)
    }

    /// Waits until it takes connections.
    async fn answers(&self) -> Any<()> {
        let began = std::time::Instant::now();
        while let Err(error) = tokio::net::TcpStream::connect(self.address).await {
            if began.elapsed() > PATIENCE {
                return Err(format!("{} takes no connection: {error}", self.address).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// What it has spent so far, where the system tells (Linux), to a hundredth of a second.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // A program's name, in parentheses, may hold blanks.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
    }

    /// Its resident megabytes, where the system tells (Linux).
    pub(crate) fn memory(&self) -> Option<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1_024.0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended already is what was wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn boxed(pipe: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

/// Passes on what it prints, to its end, so that it never waits for a reader.
fn listen(pipe: Box<dyn Read + Send>, told: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens once it serves.
            drop(told.send(line));
        }
    });
}

/// So many of its last lines are told of one that does not serve.
const LINES: usize = 12;

/// The first address on loopback that it names.
fn found(telling: &mpsc::Receiver<String>) -> Any<SocketAddr> {
    let mut said = Vec::new();
    while let Ok(line) = telling.recv_timeout(PATIENCE) {
        let named = line.split("http://").nth(1).and_then(|rest| {
            let address: String =
                rest.chars().take_while(|letter| letter.is_ascii_digit() || ".:".contains(*letter)).collect();
            address.trim_end_matches(['.', ':']).parse::<SocketAddr>().ok()
        });
        if let Some(address) = named.filter(|address| address.port() > 0) {
            return Ok(address);
        }
        said.push(line);
    }
    let last = said.split_off(said.len().saturating_sub(LINES)).join("\n");
    Err(format!("it did not say where it listens; it said at last:\n{last}").into())
}
