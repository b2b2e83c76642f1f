use serde_json::Value;

use super::tape::{Exchange, RecordedRequest};

/// More differences are not told.
const MOST: usize = 5;
/// The most characters of a value.
const LONGEST: usize = 120;

/// What a request is missing to match one of these, told by the nearest.
pub(super) fn told(asked: &RecordedRequest, left: &[&Exchange]) -> String {
    let what = format!("{} {}", asked.method, asked.path);
    let nearest = left.iter().map(|exchange| differences(asked, &exchange.request)).min_by_key(Vec::len);
    let Some(found) = nearest else {
        return format!("{what}: all that was recorded has been played");
    };
    let shown: Vec<_> = found.iter().take(MOST).map(String::as_str).collect();
    let more = match found.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{what}: the nearest of {} differs: {}{more}", left.len(), shown.join("; "))
}

fn differences(asked: &RecordedRequest, recorded: &RecordedRequest) -> Vec<String> {
    let mut found = Vec::new();
    if (&asked.method, &asked.path) != (&recorded.method, &recorded.path) {
        found.push(format!("recorded was {} {}", recorded.method, recorded.path));
    }
    compare("", Some(&asked.body), Some(&recorded.body), &mut found);
    found
}

fn compare(place: &str, asked: Option<&Value>, recorded: Option<&Value>, found: &mut Vec<String>) {
    match (asked, recorded) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let only = b.keys().filter(|name| !a.contains_key(*name));
            for name in a.keys().chain(only) {
                compare(&format!("{place}/{name}"), a.get(name), b.get(name), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                compare(&format!("{place}/{index}"), a.get(index), b.get(index), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("at {place} it asks {}, recorded was {}", shown(a), shown(b))),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("nothing".to_owned(), |value| value.to_string().chars().take(LONGEST).collect())
}
