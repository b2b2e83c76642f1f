use std::cmp::Ordering;
use std::collections::BinaryHeap;

use helm_core::UserId;

use super::items::MemoryId;

/// A memory's place among the found ones: `Less` is better.
#[derive(Clone, Debug)]
pub(crate) struct Rank {
    pub(crate) score: f64,
    pub(crate) id: MemoryId,
    pub(crate) user: UserId,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        by_score.then_with(|| self.id.cmp(&other.id)).then_with(|| self.user.cmp(&other.user))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rank {}

/// The best `k` of what is put in.
pub(crate) struct Top<T> {
    k: usize,
    /// The worst of them is on top.
    best: BinaryHeap<Ranked<T>>,
}

struct Ranked<T> {
    rank: Rank,
    item: T,
}

impl<T> Top<T> {
    pub(crate) fn new(k: usize) -> Self {
        Self { k, best: BinaryHeap::new() }
    }

    /// Whether something of at most this score could still be among the best. Ties may be.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn may_take(&self, score: f64) -> bool {
        let worst = self.best.peek().map(|ranked| ranked.rank.score);
        self.k > 0 && (self.best.len() < self.k || worst.is_none_or(|worst| score >= worst))
    }

    pub(crate) fn put(&mut self, rank: Rank, item: T) {
        if self.best.len() < self.k {
            self.best.push(Ranked { rank, item });
        } else if let Some(mut worst) = self.best.peek_mut()
            && rank < worst.rank
        {
            *worst = Ranked { rank, item };
        }
    }

    /// What was kept, best first.
    pub(crate) fn into_sorted(self) -> impl Iterator<Item = (Rank, T)> {
        self.best.into_sorted_vec().into_iter().map(|ranked| (ranked.rank, ranked.item))
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<T> Eq for Ranked<T> {}
