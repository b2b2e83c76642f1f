use helm_core::Timestamp;

use super::plan::Namespace;
use super::whole::Spec;

/// Why experiments cannot run beside each other, one sentence for each pair: they have one key, or run on one task at the
/// same time and their users are not apart.
#[must_use]
pub fn conflicts(specs: &[&Spec]) -> Vec<String> {
    conflicts_from(specs, Timestamp::from_micros(i64::MIN))
}

/// As [`conflicts`], from a moment on: whatever is over by then is in nobody's way.
#[must_use]
pub fn conflicts_from(specs: &[&Spec], from: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    for (index, own) in specs.iter().enumerate() {
        let earlier = specs.iter().take(index);
        found.extend(earlier.filter_map(|earlier| conflict(earlier, own, from)));
    }
    found
}

fn conflict(one: &Spec, other: &Spec, from: Timestamp) -> Option<String> {
    let (key, task) = (one.key(), one.task());
    if key == other.key() {
        return Some(format!("two experiments have the key {key}; give each its own"));
    }
    if task != other.task() || !meet(one, other, from) {
        return None;
    }
    match (&one.assigning.namespace, &other.assigning.namespace) {
        (Some(own), Some(others)) if own.id == others.id && one.assigning.hash != other.assigning.hash => {
            Some(format!(
                "the experiments {key} and {} place users in the namespace {} by different hashes, so that disjoint ranges are not disjoint users; give both the same hash",
                other.key(),
                own.id
            ))
        }
        (Some(own), Some(others)) if are_apart(own, others) => None,
        (Some(own), Some(others)) if own.id == others.id => Some(format!(
            "the experiments {key} and {} overlap in the namespace {}: {:?} and {:?}; make their ranges disjoint",
            other.key(),
            own.id,
            own.range,
            others.range
        )),
        _ => Some(format!(
            "the experiments {key} and {} both run on the task {task}; give them disjoint ranges of one namespace",
            other.key()
        )),
    }
}

fn are_apart(own: &Namespace, other: &Namespace) -> bool {
    own.id == other.id && (own.range.1 <= other.range.0 || other.range.1 <= own.range.0)
}

/// Whether there is a moment from this one on at which both run.
fn meet(one: &Spec, other: &Spec, from: Timestamp) -> bool {
    let begin = one.start().max(other.start()).map_or(from, |start| start.max(from));
    let runs = |spec: &Spec| spec.end().is_none_or(|end| begin < end);
    runs(one) && runs(other)
}
