//! What the lexicon and the models cost, on a kilobyte of prose, on a short clean message, and on hostile text.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use helm_guardrails::{Detector, Findings, InjectionFilter, ProfanityFilter, TextView, ToxicityFilter};

const PROSE: &str = "The committee met on Tuesday to assess the class of 2024, and the chairwoman, Ms. Dickinson, passed \
    around a document about the analysis of raccoon populations in Essex. \"We cannot simply follow last year's plan,\" she \
    said; \"the grant covers 12 sites, not 15.\" After a short discussion about costs, the group agreed to hire a specialist \
    from the university and to publish the results before the summer. Two members asked whether the rules of the park had \
    changed. They had not. ";

const CHAT: &str = "Thanks, that worked! One more question: how do I sort a list of dictionaries by two keys in Python, the \
    first ascending and the second descending? I would like to keep the original list as it is, please.";

fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("prose", PROSE.repeat(3)[..1024].to_owned()),
        ("chat", CHAT.to_owned()),
        ("foreign", "Комитет собрался во вторник, чтобы оценить план и обсудить расходы. ".repeat(10)),
        ("letters", "s h i t x ".repeat(103)),
        ("suspects", "assclass cockpit scrape ".repeat(43)),
        ("signs", "a$$@!1|*_#".repeat(103)),
        ("endless", "f".repeat(1024)),
    ]
}

fn detectors(criterion: &mut Criterion) {
    let detectors: [(&str, Box<dyn Detector>); 3] = [
        ("profanity", Box::new(ProfanityFilter::new())),
        ("toxicity", Box::new(ToxicityFilter::new())),
        ("injection", Box::new(InjectionFilter::new())),
    ];
    for (name, detector) in &detectors {
        let mut group = criterion.benchmark_group(*name);
        for (kind, text) in texts() {
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(kind, |bencher| {
                bencher.iter(|| {
                    let mut findings = Findings::new();
                    detector.scan(&TextView::new(black_box(&text)), &mut findings);
                    findings
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = detectors
}
criterion_main!(benches);
