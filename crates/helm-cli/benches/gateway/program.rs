//! A server in a process of its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

use crate::callers::Ask;
use crate::{Any, machine};

/// What is measured: how it is started, and what it is asked. It tells its address in the line that says where it listens.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) command: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    pub(crate) ask: Ask,
}

/// What a variable names: a benchmark starts in its crate's folder, and whoever names a program stands in the workspace's. A
/// bare name is searched for as ever.
pub(crate) fn of_workspace(named: &Path) -> PathBuf {
    let is_bare = named.components().count() == 1;
    if is_bare { named.to_owned() } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(named) }
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
        program.address = found(&telling).await?;
        program.answers().await?;
        Ok(program)
    }

    /// Waits until it takes connections.
    async fn answers(&self) -> Any<()> {
        let began = Instant::now();
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

/// The first address that it names. Meanwhile whoever it asks may answer: they share this thread.
async fn found(telling: &mpsc::Receiver<String>) -> Any<SocketAddr> {
    let (mut said, began) = (Vec::new(), Instant::now());
    while began.elapsed() < PATIENCE {
        match telling.try_recv() {
            Ok(line) => match named(&line) {
                Some(address) => return Ok(address),
                None => said.push(line),
            },
            Err(TryRecvError::Empty) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(TryRecvError::Disconnected) => break,
        }
    }
    let last = said.split_off(said.len().saturating_sub(LINES)).join("\n");
    Err(format!("it did not say where it listens; it said at last:\n{last}").into())
}

/// The address in this line, such as in `listening on http://127.0.0.1:8080`.
fn named(line: &str) -> Option<SocketAddr> {
    let rest = line.split("http://").nth(1)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.' && letter != ':');
    let address = rest.get(..end.unwrap_or(rest.len()))?.trim_end_matches(['.', ':']);
    address.parse().ok().filter(|address: &SocketAddr| address.port() > 0)
}
