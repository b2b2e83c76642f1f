use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often processes are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// A look at a process.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) process: u32,
    /// Resident, in bytes.
    pub(crate) memory: u64,
    /// Files and sockets that are open.
    pub(crate) handles: usize,
}

/// Looks at processes until it is stopped.
pub(crate) struct Memory {
    stop: oneshot::Sender<()>,
    looking: JoinHandle<Vec<Vec<Look>>>,
}

impl Memory {
    pub(crate) fn watch(processes: Vec<Arc<AtomicU32>>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let looking = tokio::task::spawn_blocking(move || look(&processes, stopped));
        Self { stop, looking }
    }

    /// What was seen of each process, in the order of time.
    pub(crate) async fn stop(self) -> anyhow::Result<Vec<Vec<Look>>> {
        // It ends for nothing else, so somebody listens.
        let _ = self.stop.send(());
        Ok(self.looking.await?)
    }
}

fn look(processes: &[Arc<AtomicU32>], mut stopped: oneshot::Receiver<()>) -> Vec<Vec<Look>> {
    let mut seen = vec![Vec::new(); processes.len()];
    while matches!(stopped.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
        for (process, seen) in processes.iter().zip(&mut seen) {
            seen.extend(at(process.load(Ordering::Relaxed)));
        }
        std::thread::sleep(EVERY);
    }
    seen
}

/// `None` while there is no such process, and where there is no `/proc`.
fn at(process: u32) -> Option<Look> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let handles = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
    Some(Look { process, memory: kibibytes * 1024, handles })
}

/// How much a process grew: the most of its last quarter beside the most of its second quarter. `None` of one that
/// did not live through both, or of too few looks to tell.
pub(crate) fn growth(looks: &[Look]) -> Option<Growth> {
    let last = looks.last()?.process;
    let lived: Vec<Look> = looks.iter().filter(|look| look.process == last).copied().collect();
    if lived.len() * 4 < looks.len() * 3 || lived.len() < 60 {
        return None;
    }
    let quarter = lived.len() / 4;
    let most = |looks: &[Look]| {
        let memory = looks.iter().map(|look| look.memory).max()?;
        Some((memory, looks.iter().map(|look| look.handles).max()?))
    };
    let (before, handles_before) = most(lived.get(quarter..2 * quarter)?)?;
    let (after, handles_after) = most(lived.get(3 * quarter..)?)?;
    Some(Growth { before, after, handles_before, handles_after })
}

/// The most of two quarters of a process's life.
pub(crate) struct Growth {
    pub(crate) before: u64,
    pub(crate) after: u64,
    pub(crate) handles_before: usize,
    pub(crate) handles_after: usize,
}

impl Growth {
    /// Not more than a tenth and eight mebibytes, and no more than 32 handles.
    pub(crate) fn is_flat(&self) -> bool {
        self.after <= self.before + self.before / 10 + (8 << 20)
            && self.handles_after <= self.handles_before + 32
    }
}
