use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::chunk::Entry;
use super::codes::Probe;
use super::shard::{Sought, View};
use crate::vector::Filter;

/// A memory that may be among the best.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::sqlite) struct Candidate {
    /// Its score is at most this.
    pub(in crate::sqlite) high: f64,
    /// Its row's number.
    pub(in crate::sqlite) row: i64,
}

/// All memories that may be among the best `k`, those that may be better first: whose highest possible score is
/// not below the lowest possible of `k` others.
pub(in crate::sqlite) fn candidates(
    view: &View,
    probe: &Probe,
    k: usize,
    filter: Option<&Filter>,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut lows = Lows::new(k);
    for chunk in &view.chunks {
        for (codes, entry) in chunk.iter(view.dimension) {
            if !view.owner.is(entry.owner) {
                continue;
            }
            let interval = probe.interval(codes, entry.measure);
            if interval.high >= lows.threshold && matches(filter, entry) {
                lows.put(interval.low);
                found.push(Candidate { high: interval.high, row: entry.row });
            }
        }
    }
    found.retain(|candidate| candidate.high >= lows.threshold);
    found.sort_unstable_by(|a, b| b.high.total_cmp(&a.high));
    found
}

fn matches(filter: Option<&Filter>, entry: &Entry) -> bool {
    filter.is_none_or(|filter| filter.matches(entry.facts.value(), entry.at))
}

impl Sought {
    fn is(self, owner: u32) -> bool {
        match self {
            Self::Anyone => true,
            Self::Owner(sought) => sought == owner,
            Self::Nobody => false,
        }
    }
}

/// The `k` highest of the lowest possible scores.
struct Lows {
    k: usize,
    kept: BinaryHeap<Reverse<Low>>,
    /// The lowest of them once there are `k`: at least so good is the worst that will be answered.
    threshold: f64,
}

impl Lows {
    fn new(k: usize) -> Self {
        let threshold = if k == 0 { f64::INFINITY } else { f64::NEG_INFINITY };
        Self { k, kept: BinaryHeap::new(), threshold }
    }

    fn put(&mut self, low: f64) {
        if self.kept.len() < self.k {
            self.kept.push(Reverse(Low(low)));
        } else if low > self.threshold
            && let Some(mut lowest) = self.kept.peek_mut()
        {
            *lowest = Reverse(Low(low));
        }
        if self.kept.len() >= self.k {
            self.threshold = self.kept.peek().map_or(f64::INFINITY, |lowest| lowest.0.0);
        }
    }
}

/// A number with the total order of numbers.
#[derive(Clone, Copy)]
struct Low(f64);

impl Ord for Low {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Low {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Low {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Low {}
