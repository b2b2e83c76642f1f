//! What the evaluators see of a text.

use std::collections::BTreeMap;

use unicode_segmentation::UnicodeSegmentation;

/// More words than this are not looked at by measures that compare words with each other.
const MOST_WORDS: usize = 4_000;

/// Words too common to say what a text is about.
const STOP_WORDS: [&str; 98] = [
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "but", "by", "can", "could", "did", "do", "does", "don't", "for", "from", "get", "give", "had",
    "has", "have", "he", "help", "her", "him", "his", "how", "i", "i'm", "if", "in", "into", "is", "it",
    "it's", "its", "just", "like", "make", "me", "more", "my", "no", "not", "of", "on", "one", "or", "our",
    "out", "please", "s", "she", "should", "so", "some", "tell", "than", "that", "the", "their", "them",
    "then", "there", "these", "they", "this", "to", "too", "up", "us", "very", "was", "we", "were", "what",
    "when", "where", "which", "who", "why", "will", "with", "would", "write", "you", "your", "yours",
    "explain",
];

/// The words of a text in lower case, at most 4,000.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.unicode_words().take(MOST_WORDS).map(str::to_lowercase).collect()
}

/// How many words a text has, all of them.
pub(crate) fn count_words(text: &str) -> usize {
    text.unicode_words().count()
}

/// How often each stem of a content word stands in `words`.
pub(crate) fn content(words: &[String]) -> BTreeMap<&str, f64> {
    let mut counts = BTreeMap::new();
    for word in words.iter().filter(|word| !STOP_WORDS.contains(&word.as_str())) {
        *counts.entry(stem(word)).or_insert(0.0) += 1.0;
    }
    counts
}

/// A word without the commonest endings of English.
fn stem(word: &str) -> &str {
    for ending in ["ations", "ation", "ings", "ing", "edly", "ies", "ed", "es", "ly", "s"] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.chars().count() > 2) {
            return stem;
        }
    }
    word
}

/// The cosine between two counts.
pub(crate) fn cosine(left: &BTreeMap<&str, f64>, right: &BTreeMap<&str, f64>) -> f64 {
    let dot: f64 = left.iter().filter_map(|(word, count)| Some(count * right.get(word)?)).sum();
    let norm = |counts: &BTreeMap<&str, f64>| counts.values().map(|count| count * count).sum::<f64>().sqrt();
    let norms = norm(left) * norm(right);
    if norms > 0.0 { dot / norms } else { 0.0 }
}

/// The share of `wanted` that also stands in `found`.
pub(crate) fn recall(wanted: &BTreeMap<&str, f64>, found: &BTreeMap<&str, f64>) -> f64 {
    if wanted.is_empty() {
        return 0.0;
    }
    wanted.keys().filter(|word| found.contains_key(*word)).count() as f64 / wanted.len() as f64
}

/// A text's sentences, trimmed, without empty ones.
pub(crate) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['.', '!', '?', '\n', '。', '！', '？']).map(str::trim).filter(|sentence| !sentence.is_empty())
}

/// 1 inside `low..=high`, falling linearly to 0 at `zero_below` and `zero_above`.
pub(crate) fn trapezoid(value: f64, zero_below: f64, low: f64, high: f64, zero_above: f64) -> f64 {
    if value < low {
        ((value - zero_below) / (low - zero_below)).clamp(0.0, 1.0)
    } else if value > high {
        ((zero_above - value) / (zero_above - high)).clamp(0.0, 1.0)
    } else {
        1.0
    }
}
