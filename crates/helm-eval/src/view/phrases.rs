use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::marks::{Marks, flag, prefix};
use super::signals::ratio;
use super::tally::Tally;
use super::text::Text;

const KINDS: usize = 8;

/// What an answer says of itself, by kind: refusals, apologies, that it is a model, harms, advice, that it does not know, what is
/// important, and what is improper. Some count only near the beginning.
const PHRASES: [&[&str]; KINDS] = [
    &[
        "i cannot",
        "i can't",
        "i can not",
        "i can’t",
        "i am not able",
        "i'm not able",
        "i am unable",
        "i'm unable",
        "i will not",
        "i won't",
        "i must decline",
        "i must refuse",
        "cannot provide",
        "can't provide",
        "cannot fulfill",
        "can't fulfill",
        "cannot assist",
        "can't assist",
        "can't help",
        "cannot help",
        "cannot support",
        "cannot endorse",
        "cannot condone",
        "not comfortable",
        "i do not condone",
        "i don't condone",
        "not able to provide",
        "unable to provide",
        "not willing to",
    ],
    &["sorry", "i apologize", "i apologise", "apologies", "unfortunately", "regret"],
    &[
        "as an ai",
        "as a language model",
        "i'm just an ai",
        "i am an ai",
        "i'm an ai",
        "language model",
        "ai assistant",
        "as a responsible",
    ],
    &[
        "harmful",
        "dangerous",
        "immoral",
        "violates",
        "respect the privacy",
        "a serious crime",
        "consequences",
        "discriminat",
    ],
    &[
        "i recommend",
        "seek help",
        "professional",
        "authorities",
        "instead",
        "consult",
        "i strongly",
        "encourage you",
        "i would advise",
        "please remember",
        "is not okay",
        "should never",
    ],
    &UNKNOWING,
    &[
        "it is important",
        "it's important",
        "it’s important",
        "it is crucial",
        "it's crucial",
        "it is essential",
        "it's essential",
        "it is never",
        "it's never",
    ],
    &[
        "illegal",
        "unethical",
        "against the law",
        "inappropriate",
        "not appropriate",
        "not acceptable",
        "not advisable",
        "not ethical",
        "not legal",
        "not okay",
        "not recommended",
    ],
];
const UNKNOWING: [&str; 8] = [
    "don't know",
    "do n't know",
    "dont know",
    "not sure",
    "no idea",
    "i haven't",
    "i have n't",
    "don’t know",
];

/// How far into an answer a refusal is one, in bytes.
const EARLY: usize = 240;
/// How far phrases are looked for, in bytes.
const MOST_PHRASES: usize = 4_096;

fn phrase_finder() -> Option<&'static (AhoCorasick, Vec<usize>)> {
    static FINDER: LazyLock<Option<(AhoCorasick, Vec<usize>)>> = LazyLock::new(|| {
        let kinds = || PHRASES.iter().copied().zip(0..);
        let phrases = kinds().flat_map(|(phrases, _)| phrases);
        let kind = kinds().flat_map(|(phrases, kind)| phrases.iter().map(move |_| kind)).collect();
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(aho_corasick::AhoCorasickKind::DFA))
            .build(phrases);
        Some((finder.ok()?, kind))
    });
    FINDER.as_ref()
}

/// What an answer says of itself. Answers too whether it begins with a lecture, and with what is improper.
pub(super) fn phrases(
    values: &mut Vec<f64>,
    (response, tally): (&Text, &Tally),
    text: &str,
    marks: &Marks,
) -> [f64; 2] {
    values.extend([flag(marks.has_question), flag(marks.ends_well)]);
    let (mut found, mut early) = ([0.0_f64; KINDS], [0.0_f64; KINDS]);
    if let Some((finder, kinds)) = phrase_finder() {
        for hit in finder.find_iter(prefix(text, MOST_PHRASES)) {
            let kind = kinds.get(hit.pattern().as_usize()).copied().unwrap_or_default();
            if let Some(found) = found.get_mut(kind) {
                *found += 1.0;
            }
            if let Some(early) = early.get_mut(kind).filter(|_| hit.start() < EARLY) {
                *early += 1.0;
            }
        }
    }
    let [refusals, apologies, ai, harms, advice, unknowing, lectures, improper] = found;
    let [early, .., early_lectures, early_improper] = early;
    let words = response.words.len() as f64;
    values.extend([early.min(1.0), (refusals - early).ln_1p(), apologies.min(1.0), ai.min(1.0)]);
    values.extend([(harms + improper).ln_1p(), (advice + lectures).ln_1p(), unknowing.min(1.0)]);
    values.push(ratio(f64::from(tally.hedges), words));
    values.push(ratio(f64::from(tally.connectives), marks.sentences));
    values.push(ratio(f64::from(tally.first_person), words));
    [early_lectures.min(1.0), early_improper.min(1.0)]
}
