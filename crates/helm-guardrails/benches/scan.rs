//! Time a kilobyte of the pattern detectors: `HELM_DATA_DIR=… cargo bench -p helm-guardrails --bench scan`.
//!
//! On messages of about a kilobyte that mix data sets as a service may see them, on prose, and on texts that are made to
//! be slow.

mod hostile;

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use helm_guardrails::{Detector, Findings, PiiFilter, SecretFilter, TextView, UnicodeFilter};
use hostile::hostile;

/// The sets that are mixed, of each the first 900 texts.
const SETS: [&str; 5] = [
    "pii.helm_synth",
    "toxicity.davidson",
    "injection.self_instruct_user",
    "secrets.helm_synth",
    "toxicspans.toxic_spans",
];

fn texts(dir: &Path, sets: &[&str]) -> Vec<String> {
    let read = |set: &&str| {
        let text =
            std::fs::read_to_string(dir.join("guardrails").join(format!("{set}.jsonl"))).unwrap_or_default();
        let text_of = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            row.get("text").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        };
        text.lines().take(900).map(text_of).collect::<Vec<_>>()
    };
    sets.iter().flat_map(read).collect()
}

/// Messages of at least a kilobyte, of texts in an order that is mixed but always the same.
fn messages(mut texts: Vec<String>) -> Vec<String> {
    let mut state = 7_u64;
    for last in (1..texts.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        texts.swap(last, (state >> 33) as usize % (last + 1));
    }
    let mut messages = vec![String::new()];
    for text in texts {
        if messages.last().is_some_and(|message| message.len() >= 1_024) {
            messages.push(String::new());
        }
        if let Some(message) = messages.last_mut() {
            message.push_str(&text);
            message.push('\n');
        }
    }
    messages
}

fn scan(detectors: &[&dyn Detector], text: &str) -> usize {
    let mut findings = Findings::new();
    let view = TextView::new(text);
    for detector in detectors {
        detector.scan(&view, &mut findings);
    }
    findings.iter().count()
}

fn measure(
    criterion: &mut Criterion,
    group: &str,
    name: &str,
    detectors: &[&dyn Detector],
    messages: &[String],
) {
    let mut group = criterion.benchmark_group(group);
    let bytes: usize = messages.iter().map(String::len).sum();
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter(|| messages.iter().map(|message| scan(detectors, black_box(message))).sum::<usize>());
    });
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    let (pii, secrets, unicode) = (PiiFilter::new(), SecretFilter::new(), UnicodeFilter::new());
    let each: [(&str, &[&dyn Detector]); 4] = [
        ("pii", &[&pii]),
        ("secrets", &[&secrets]),
        ("unicode", &[&unicode]),
        ("pii + secrets", &[&pii, &secrets]),
    ];
    if let Some(dir) = std::env::var_os("HELM_DATA_DIR") {
        let messages = messages(texts(Path::new(&dir), &SETS));
        for (name, detectors) in each {
            measure(criterion, "messages", name, detectors, &messages);
        }
    }
    for (text, content) in hostile() {
        let content = [content];
        measure(criterion, "hostile", &format!("pii/{text}"), &[&pii], &content);
        measure(criterion, "hostile", &format!("secrets/{text}"), &[&secrets], &content);
        measure(criterion, "hostile", &format!("unicode/{text}"), &[&unicode], &content);
    }
}

criterion_group!(scans, benches);
criterion_main!(scans);
