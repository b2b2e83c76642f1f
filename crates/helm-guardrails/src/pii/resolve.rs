//! Which of the hits that overlap is kept.

use std::collections::BTreeMap;

use super::scan::{Hit, Hits};

/// Keeps of hits that overlap the surest, then the longest, then the first, in order of their places.
pub(super) fn resolve(mut hits: Hits) -> Hits {
    hits.sort_by_key(|hit| (hit.start, hit.end));
    if hits.windows(2).all(|pair| matches!(pair, [first, second] if first.end <= second.start)) {
        return hits;
    }
    hits.sort_by(better);
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    hits.retain(|hit| {
        let free = taken.range(..hit.end).next_back().is_none_or(|(_, end)| *end <= hit.start);
        if free {
            taken.insert(hit.start, hit.end);
        }
        free
    });
    hits.sort_by_key(|hit| hit.start);
    hits
}

fn better(one: &Hit, other: &Hit) -> std::cmp::Ordering {
    let length = |hit: &Hit| hit.end - hit.start;
    let by_score = other.score.total_cmp(&one.score);
    by_score.then_with(|| length(other).cmp(&length(one))).then_with(|| one.start.cmp(&other.start))
}
