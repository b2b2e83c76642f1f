//! Spans against gold spans: the same kind and an overlap of at least half, exact places, messages.

use std::collections::{BTreeMap, BTreeSet};

use helm_guardrails::{Detector, Findings, TextView};
use serde::Deserialize;

/// A row of a data set.
#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) spans: Vec<GoldSpan>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, u8>,
    #[serde(default)]
    pub(crate) meta: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
pub(crate) struct GoldSpan {
    pub(crate) bstart: usize,
    pub(crate) bend: usize,
    pub(crate) label: String,
}

/// A span in code points with its kind.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) label: String,
    pub(crate) score: f64,
}

impl Row {
    pub(crate) fn kind(&self) -> &str {
        self.meta.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default()
    }

    fn points(&self, byte: usize) -> usize {
        self.text[..byte].chars().count()
    }

    pub(crate) fn gold(&self) -> Vec<Found> {
        let found = self.spans.iter().map(|span| Found {
            start: self.points(span.bstart),
            end: self.points(span.bend),
            label: canonical(&span.label),
            score: 1.0,
        });
        found.collect()
    }

    /// What a detector finds that scores at least 0.5, without overlaps.
    pub(crate) fn found(&self, detector: &dyn Detector) -> Vec<Found> {
        let mut findings = Findings::new();
        detector.scan(&TextView::new(&self.text), &mut findings);
        let mut found: Vec<Found> = findings
            .iter()
            .filter(|finding| finding.score.get() >= 0.5)
            .filter_map(|finding| {
                let span = finding.span?;
                let (start, end) = (self.points(span.start), self.points(span.end));
                Some(Found { start, end, label: canonical(&finding.entity), score: finding.score.get() })
            })
            .collect();
        let length = |found: &Found| found.end - found.start;
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(length(b).cmp(&length(a))));
        let mut kept: Vec<Found> = Vec::new();
        for one in found {
            if kept.iter().all(|other| one.end <= other.start || one.start >= other.end) {
                kept.push(one);
            }
        }
        kept
    }
}

/// One name for the kinds that data sets name differently.
fn canonical(label: &str) -> String {
    let name = match label {
        "EMAIL_ADDRESS" => "EMAIL",
        "PHONE_NUMBER" => "PHONE",
        "IBAN_CODE" => "IBAN",
        "IP_ADDRESS" | "IPV4" | "IPV6" => "IP",
        "DOMAIN_NAME" => "URL",
        "BTC_ADDRESS" | "ETH_ADDRESS" => "CRYPTO",
        other => other,
    };
    name.to_owned()
}

fn overlap(one: &Found, other: &Found) -> f64 {
    let both = one.end.min(other.end) as f64 - one.start.max(other.start) as f64;
    if both <= 0.0 { 0.0 } else { both / (one.end.max(other.end) - one.start.min(other.start)) as f64 }
}

/// Hits, false alarms and misses.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    pub(crate) hits: usize,
    pub(crate) false_alarms: usize,
    pub(crate) misses: usize,
    pub(crate) exact: usize,
}

impl Counts {
    pub(crate) fn precision(self) -> f64 {
        ratio(self.hits, self.hits + self.false_alarms)
    }

    pub(crate) fn recall(self) -> f64 {
        ratio(self.hits, self.hits + self.misses)
    }

    pub(crate) fn f1(self) -> f64 {
        ratio(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)
    }

    pub(crate) fn exact_share(self) -> f64 {
        ratio(self.exact, self.hits)
    }
}

pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Compares what is found with the gold spans of `labels` (all when empty), by kind unless `any_kind`.
pub(crate) fn spans(rows: &[Row], detector: &dyn Detector, labels: &[&str], any_kind: bool) -> Counts {
    let wanted: BTreeSet<&str> = labels.iter().copied().collect();
    let counts = |label: &str| wanted.is_empty() || wanted.contains(label);
    let mut total = Counts::default();
    for row in rows {
        let found: Vec<_> = row.found(detector).into_iter().filter(|found| counts(&found.label)).collect();
        let gold: Vec<_> = row.gold().into_iter().filter(|gold| counts(&gold.label)).collect();
        let mut used = vec![false; found.len()];
        for gold in &gold {
            let fits = |(place, one): &(usize, &Found)| {
                !used[*place] && (any_kind || one.label == gold.label) && overlap(gold, one) >= 0.5
            };
            match found.iter().enumerate().find(fits) {
                Some((place, one)) => {
                    used[place] = true;
                    total.hits += 1;
                    total.exact += usize::from((one.start, one.end) == (gold.start, gold.end));
                }
                None => {
                    total.misses += 1;
                    explain("missed", gold, row);
                }
            }
        }
        for (one, _) in found.iter().zip(&used).filter(|(_, used)| !**used) {
            total.false_alarms += 1;
            explain("false alarm", one, row);
        }
    }
    total
}

/// Compares messages in which something is found with those that are labelled.
pub(crate) fn messages(rows: &[Row], detector: &dyn Detector, labelled: impl Fn(&Row) -> bool) -> Counts {
    let mut total = Counts::default();
    for row in rows {
        let mut findings = Findings::new();
        detector.scan(&TextView::new(&row.text), &mut findings);
        match (labelled(row), findings.is_empty()) {
            (true, false) => total.hits += 1,
            (true, true) => total.misses += 1,
            (false, false) => total.false_alarms += 1,
            (false, true) => continue,
        }
        if labelled(row) == findings.is_empty() && std::env::var_os("HELM_EXPLAIN").is_some() {
            println!("wrong: {} {:?} {:?}", row.kind(), row.text, findings.iter().next());
        }
    }
    total
}

fn explain(what: &str, found: &Found, row: &Row) {
    if std::env::var_os("HELM_EXPLAIN").is_some() {
        println!("{what}: {} {:?} in {:?}", found.label, (found.start, found.end, found.score), row.text);
    }
}

/// The rows of a data set; `None`, with a word about it, when there is no data.
pub(crate) fn rows(name: &str) -> Option<Vec<Row>> {
    let Some(dir) = std::env::var_os("HELM_DATA_DIR") else {
        println!("skipped: HELM_DATA_DIR is not set");
        return None;
    };
    let path = std::path::Path::new(&dir).join("guardrails").join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect())
}
