use super::plan::Namespace;
use super::whole::Spec;

/// Why experiments cannot run beside each other, one sentence for each pair: they have one key, or run on one task and
/// their users are not apart.
#[must_use]
pub fn conflicts(specs: &[&Spec]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, own) in specs.iter().enumerate() {
        let earlier = specs.iter().take(index);
        found.extend(earlier.filter_map(|earlier| conflict(earlier, own)));
    }
    found
}

fn conflict(one: &Spec, other: &Spec) -> Option<String> {
    let (key, task) = (one.key(), one.task());
    if key == other.key() {
        return Some(format!("two experiments have the key {key}; give each its own"));
    }
    if task != other.task() {
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
