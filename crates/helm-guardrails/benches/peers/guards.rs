//! Time a kilobyte, of Helm's guards and of other Rust libraries, in one run and on the same texts:
//! `HELM_DATA_DIR=… cargo bench --manifest-path crates/helm-guardrails/benches/peers/Cargo.toml`.
//!
//! Wall time on one thread, the best of some rounds, in which all take turns: what disturbs one disturbs the others.
//! README.md says what each of them looks for, which is not the same.

#[path = "../../../../benches/shared/figures.rs"]
mod figures;

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use cerberust::scanner::detect::{detect_secrets, detect_structured};
use helm_guardrails::core::Stage;
use helm_guardrails::{Detector, Findings, GuardrailEngine, PiiFilter, ProfanityFilter, SecretFilter, TextView};
use redact_core::AnalyzerEngine;
use rustrict::CensorStr;

/// Where there is no data, and always as a second text.
const PROSE: &str = "Thank you for your patience while we looked into the delay. The parcel left our warehouse in Leipzig on \
    Tuesday morning, and the carrier expects to deliver it within three working days. If nothing has arrived by the end \
    of next week, please write to us again, and we will either send a replacement or return the 24 euros that you paid. \
    It helps when you tell us whether a neighbour could have taken it in; about half of what seems lost is found that \
    way. We are sorry for the trouble: the autumn has been busier than we had planned for, and a well-meant change of \
    carriers did not go as smoothly as it should have. ";

/// The sets that are mixed, of each the first 300 texts.
const SETS: [&str; 5] = [
    "pii.helm_synth",
    "toxicity.davidson",
    "injection.self_instruct_user",
    "secrets.helm_synth",
    "toxicspans.toxic_spans",
];

fn texts(dir: &Path) -> Vec<String> {
    let read = |set: &str| {
        let path = dir.join("guardrails").join(format!("{set}.jsonl"));
        let file = std::fs::read_to_string(path).unwrap_or_default();
        let text_of = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            row["text"].as_str().unwrap_or_default().to_owned()
        };
        file.lines().take(300).map(text_of).collect::<Vec<_>>()
    };
    let sets: Vec<Vec<String>> = SETS.iter().map(|set| read(set)).collect();
    (0..300).flat_map(|row| sets.iter().filter_map(move |set| set.get(row)).cloned()).collect()
}

/// Messages of about a kilobyte.
fn messages(texts: &[String]) -> Vec<String> {
    let mut messages = vec![String::new()];
    for text in texts {
        if messages.last().is_some_and(|message| message.len() >= 1_024) {
            messages.push(String::new());
        }
        if let Some(message) = messages.last_mut() {
            message.push_str(text);
            message.push('\n');
        }
    }
    messages
}

fn scan(detectors: &[&dyn Detector], text: &str) -> usize {
    let (mut findings, view) = (Findings::new(), TextView::new(text));
    detectors.iter().for_each(|detector| detector.scan(&view, &mut findings));
    findings.iter().count()
}

type Contestant<'c> = (&'static str, Box<dyn Fn(&str) -> usize + 'c>);

/// The best time of each, in microseconds a kilobyte.
fn measure(contestants: &[Contestant<'_>], messages: &[String]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; contestants.len()];
    for _ in 0..5 {
        for ((_, check), best) in contestants.iter().zip(&mut best) {
            let began = Instant::now();
            messages.iter().for_each(|message| {
                black_box(check(black_box(message)));
            });
            *best = best.min(began.elapsed().as_secs_f64());
        }
    }
    let kilobytes = messages.iter().map(String::len).sum::<usize>() as f64 / 1_024.0;
    best.into_iter().map(|seconds| seconds * 1e6 / kilobytes).collect()
}

fn main() {
    let (pii, secrets, profanity) = (PiiFilter::new(), SecretFilter::new(), ProfanityFilter::new());
    let (guard, redact) = (GuardrailEngine::standard(), AnalyzerEngine::new());
    let analysed = |text: &str| redact.analyze(text, None).map_or(0, |result| result.detected_entities.len());
    let contestants: Vec<Contestant<'_>> = vec![
        ("Helm: personal data, 62 kinds", Box::new(|text| scan(&[&pii], text))),
        ("cerberust: personal data", Box::new(|text| detect_structured(text).len())),
        ("redact-core: personal data and secrets", Box::new(analysed)),
        ("Helm: secrets", Box::new(|text| scan(&[&secrets], text))),
        ("cerberust: secrets", Box::new(|text| detect_secrets(text).len())),
        ("Helm: personal data and secrets", Box::new(|text| scan(&[&pii, &secrets], text))),
        ("Helm: profanity", Box::new(|text| scan(&[&profanity], text))),
        ("rustrict: profanity", Box::new(|text| usize::from(text.is_inappropriate()))),
        ("Helm: all of input", Box::new(|text| guard.check(Stage::Input, text).violations.len())),
        ("Helm: all of output", Box::new(|text| guard.check(Stage::Output, text).violations.len())),
    ];
    let mut kinds = vec![("prose", messages(&vec![PROSE.to_owned(); 100]))];
    if let Some(dir) = std::env::var_os("HELM_DATA_DIR") {
        kinds.push(("mixed messages", messages(&texts(Path::new(&dir)))));
    }
    for (kind, messages) in kinds {
        println!("{kind}, us/KB:");
        for ((name, _), time) in contestants.iter().zip(measure(&contestants, &messages)) {
            println!("  {name:<40} {time:>9.1}");
            figures::figure(kind, name, time, "us/KB");
        }
    }
}
