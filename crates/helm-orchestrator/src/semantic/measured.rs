//! How often a question that means something else gets another's answer, on labelled pairs.

use helm_llm::{Call, EmbeddingModel, HashingEmbedder};
use serde::Deserialize;

use super::alike;

#[derive(Deserialize)]
struct Pair {
    one: String,
    other: String,
    same: bool,
    kind: String,
}

struct Judged {
    pair: Pair,
    similarity: f64,
    differs: bool,
}

async fn judged() -> Vec<Judged> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/semantic-cache/questions.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    let embedder = HashingEmbedder::new().unwrap();
    let call = Call::new(helm_core::TenantId::single());
    let mut judged = Vec::new();
    for line in lines.lines() {
        let pair: Pair = serde_json::from_str(line).unwrap();
        let vectors = embedder.embed(&[pair.one.clone(), pair.other.clone()], &call).await.unwrap();
        let similarity = vectors[0].iter().zip(&vectors[1]).map(|(a, b)| f64::from(a * b)).sum();
        let differs = alike::differ(&pair.one, &pair.other);
        judged.push(Judged { pair, similarity, differs });
    }
    judged
}

/// Right hits, false hits.
fn hits(judged: &[Judged], threshold: f64, looks: bool) -> (usize, usize) {
    let hit = |judged: &&Judged| judged.similarity >= threshold && !(looks && judged.differs);
    let hits: Vec<_> = judged.iter().filter(hit).collect();
    let right = hits.iter().filter(|judged| judged.pair.same).count();
    (right, hits.len() - right)
}

/// Prints the table of `docs/performance.md` with `--no-capture`.
#[tokio::test]
async fn no_question_gets_the_answer_to_another() {
    let judged = judged().await;
    let same = judged.iter().filter(|judged| judged.pair.same).count();
    assert!(judged.len() >= 100 && same >= 50);
    println!("| threshold | right of {same} | false of {} | by similarity alone |", judged.len() - same);
    for percent in [70, 75, 80, 85, 90, 95, 97, 99] {
        let threshold = f64::from(percent) / 100.0;
        let (right, wrong) = hits(&judged, threshold, true);
        let (alone, wrong_alone) = hits(&judged, threshold, false);
        println!("| {threshold} | {right} | {wrong} | {alone}, {wrong_alone} false |");
    }
    let (right, wrong) = hits(&judged, 0.97, true);
    assert_eq!(wrong, 0, "the default has no false hit");
    assert!(right > 0, "and is of some use");
    for judged in judged.iter().filter(|judged| !judged.pair.same && !judged.differs) {
        println!(
            "{:.3} {}: {} / {}",
            judged.similarity, judged.pair.kind, judged.pair.one, judged.pair.other
        );
    }
}
