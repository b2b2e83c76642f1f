use super::View;
use super::marks::{Marks, flag, is_sentence_end, prefix};
use super::numbers::Numbers;
use super::overlap::{Places, bm25, cosine};
use super::phrases::phrases;
use super::runs::{Runs, share_within, whole};
use super::tally::Tally;
use super::text::{Content, Text, Word};
use crate::exchange::Exchange;

/// What is measured of an exchange: plain numbers without a judgement, from which evaluators are made.
///
/// Every signal is a number and finite; those of [passages](Exchange::passages) are 0 where there are none. Counts enter
/// as logarithms. They are for fitting models of your own on ratings of your own; the names stay, new ones are added at
/// the end.
///
/// ```
/// use helm_eval::{Exchange, Signals};
///
/// let signals = Signals::of(&Exchange::new("What is Rust?", "Rust is a systems language."));
/// assert_eq!(signals.get("log_words"), Some(6_f64.ln()));
/// assert_eq!(signals.iter().count(), Signals::names().len());
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Signals([f64; COUNT]);

const NAMES: [&str; COUNT] = [
    "log_words",
    "log_sentences",
    "words_per_sentence",
    "chars_per_word",
    "long_words",
    "log_long_words",
    "distinct_1",
    "distinct_2",
    "repeated_4",
    "max_word_share",
    "mean_rarity",
    "top_rarity",
    "unknown_words",
    "log_content",
    "tfidf_user",
    "bm25_user",
    "recall_user",
    "jaccard_user",
    "copied_user",
    "new_content",
    "length_ratio",
    "tfidf_context",
    "bm25_context",
    "copied_context",
    "question",
    "ends_well",
    "refusal",
    "late_refusal",
    "apology",
    "as_an_ai",
    "unsafe",
    "advice",
    "unknowing",
    "hedges",
    "connectives",
    "first_person",
    "list_lines",
    "code",
    "log_lines",
    "capitals",
    "digits",
    "non_ascii",
    "new_numbers",
    "sentence_overlap",
    "repeated_sentences",
    "user_log_words",
    "user_question",
    "opens_with_yes",
    "note",
    "k_tfidf",
    "k_bm25",
    "k_precision",
    "k_precision_2",
    "k_precision_3",
    "k_rarity_precision",
    "k_order_precision",
    "k_run",
    "k_new_hits",
    "k_new_numbers",
    "k_new_names",
    "shared_rarity",
    "shared_top_rarity",
    "rarity_recall",
    "rarity_precision",
    "prefix_recall",
    "lecture_early",
    "improper_early",
    "opens_with_i",
];
const COUNT: usize = 68;

impl Signals {
    /// Measures an exchange.
    #[must_use]
    pub fn of(exchange: &Exchange<'_>) -> Self {
        exchange.with_shared(|view, exchange| view.signals(exchange).clone())
    }

    /// The names, in the order of the values.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// The value of a signal; `None` for a name that there is not.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(signal, _)| *signal == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> {
        NAMES.into_iter().zip(self.0)
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }

    pub(super) fn measure(view: &View, exchange: &Exchange<'_>) -> Self {
        let (user, response) = (view.user(exchange), view.response(exchange));
        let mut values = Vec::with_capacity(COUNT);
        let runs = view.runs(exchange);
        let marks = Marks::of(exchange.response);
        let tally = Tally::of(&response.words);
        words(&mut values, response, runs, (&marks, &tally));
        let to_user = closeness(user, response, runs);
        let both = common(user, response);
        relation(&mut values, user, response, (to_user, &both));
        context(&mut values, view, exchange, to_user);
        let [lectures, improper] = phrases(&mut values, (response, &tally), exchange.response, &marks);
        shape(&mut values, &marks);
        values.push(new_numbers(response, &[user, view.context(exchange), view.passages(exchange)]));
        sentences(&mut values, exchange.response, response);
        values.push((user.total as f64).ln_1p());
        values.push(flag(exchange.user.contains('?')));
        values.push(flag(opens_with_yes(exchange.response)));
        values.push(flag(marks.note));
        passages(&mut values, view, exchange);
        shared(&mut values, user, response, &both);
        values.extend([lectures, improper, flag(opens_with_i(exchange.response))]);
        let mut array = [0.0; COUNT];
        for (place, value) in array.iter_mut().zip(values) {
            *place = if value.is_finite() { value } else { 0.0 };
        }
        Self(array)
    }
}

pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn count(words: &[Word], is: impl Fn(&Word) -> bool) -> f64 {
    words.iter().filter(|word| is(word)).count() as f64
}

fn words(values: &mut Vec<f64>, response: &Text, runs: &Runs, (marks, tally): (&Marks, &Tally)) {
    let seen = response.words.len() as f64;
    let fours = response.words.len().saturating_sub(3) as f64;
    values.extend([
        (response.total as f64).ln_1p(),
        marks.sentences.ln_1p(),
        ratio(response.total as f64, marks.sentences).min(100.0),
        ratio(f64::from(tally.chars), seen).min(20.0),
        ratio(f64::from(tally.of_seven), seen),
        f64::from(tally.of_six).ln_1p(),
        ratio(response.numbers.len() as f64, seen),
        ratio(runs.two.len() as f64, seen - 1.0),
        if fours > 0.0 { 1.0 - runs.four.len() as f64 / fours } else { 0.0 },
        ratio(f64::from(response.commonest), seen),
        ratio(tally.rarity, seen),
        top_rarity(response),
        ratio(f64::from(tally.unknown), seen),
        (response.content.len() as f64).ln_1p(),
    ]);
}

/// The mean rarity of the five rarest words; words that are not there count 0.
fn top_rarity(text: &Text) -> f64 {
    let mut top = [0.0_f32; 5];
    for Content { idf, .. } in &text.content {
        if let Some(least) = top.first_mut().filter(|least| idf > *least) {
            *least = *idf;
            top.sort_unstable_by(f32::total_cmp);
        }
    }
    f64::from(top.iter().sum::<f32>()) / 5.0
}

/// How near an answer is to what it answers: cosine, BM25, and the share of its runs of three words.
fn closeness(asked: &Text, response: &Text, runs: &Runs) -> [f64; 3] {
    let copied = share_within(&runs.three, &asked.words, 3);
    [cosine(asked, response), bm25(asked, response).ln_1p(), copied]
}

/// The stems of the question that are in the answer.
fn common(user: &Text, response: &Text) -> Vec<(u64, f32)> {
    let theirs = response.stems();
    let has = |stem: u64| theirs.binary_search_by_key(&stem, |other| other.0).is_ok();
    user.stems().iter().filter(|stem| has(stem.0)).copied().collect()
}

type Near<'a> = ([f64; 3], &'a [(u64, f32)]);

fn relation(values: &mut Vec<f64>, user: &Text, response: &Text, ([cosine, bm25, copied], both): Near<'_>) {
    let shared = user.numbers.hashes().iter().filter(|key| response.has(**key)).count() as f64;
    values.extend([
        cosine,
        bm25,
        ratio(both.len() as f64, user.stems().len() as f64),
        ratio(shared, (response.numbers.len() + user.numbers.len()) as f64 - shared),
        copied,
    ]);
}

/// What the content words that question and answer share weigh by their rarity.
fn shared(values: &mut Vec<f64>, user: &Text, response: &Text, both: &[(u64, f32)]) {
    let sum = |words: &[(u64, f32)]| words.iter().map(|word| f64::from(word.1)).sum::<f64>();
    let asked = user.prefixes();
    let mut beginnings = Numbers::for_about(response.content.len());
    for word in &response.content {
        beginnings.add(word.prefix);
    }
    let begun: Vec<(u64, f32)> = asked.iter().filter(|prefix| beginnings.has(prefix.0)).copied().collect();
    values.extend([
        sum(both).ln_1p(),
        both.iter().map(|word| f64::from(word.1)).fold(0.0, f64::max),
        ratio(sum(both), sum(user.stems())),
        ratio(sum(both), sum(response.stems())),
        ratio(sum(&begun), sum(&asked)),
    ]);
}

fn context(values: &mut Vec<f64>, view: &View, exchange: &Exchange<'_>, to_user: [f64; 3]) {
    let (user, response) = (view.user(exchange), view.response(exchange));
    let length_ratio = ((response.total + 1) as f64 / (user.total + 1) as f64).ln();
    let context = view.context(exchange);
    let new = response.content.iter().filter(|word| !context.has(word.key)).count() as f64;
    values.extend([ratio(new, response.content.len() as f64), length_ratio]);
    // Without a history the question is all there is.
    let alone = exchange.history.is_empty();
    values.extend(if alone { to_user } else { closeness(context, response, view.runs(exchange)) });
}

fn shape(values: &mut Vec<f64>, marks: &Marks) {
    values.extend([
        marks.list_lines.ln_1p(),
        flag(marks.code),
        marks.lines.ln_1p(),
        ratio(marks.upper, marks.chars),
        ratio(marks.digits, marks.chars),
        ratio(marks.other, marks.chars),
    ]);
}

/// How many numbers of the answer stand in none of the sources.
fn new_numbers(response: &Text, sources: &[&Text]) -> f64 {
    let is_new = |word: &Word| word.digit && !sources.iter().any(|source| source.has(word.key));
    count(&response.words, is_new).ln_1p()
}

/// How much of what neighbouring sentences say is the same, and the share of sentences that stood there before.
fn sentences(values: &mut Vec<f64>, text: &str, response: &Text) {
    let text = prefix(text, 65_536);
    let mut hashes: Vec<u64> = Vec::new();
    let (mut content, mut before) = (Vec::new(), Vec::new());
    let (mut overlap, mut rest) = (0.0, response.words.as_slice());
    let mut from = 0;
    for sentence in text.split(is_sentence_end) {
        let end = from + sentence.len();
        let length = rest.iter().take_while(|word| (word.start as usize) < end).count();
        let (words, behind) = rest.split_at(length);
        rest = behind;
        from = end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        if words.is_empty() {
            continue;
        }
        hashes.push(whole(words));
        content.clear();
        content.extend(words.iter().filter(|word| !word.entry.is_stop()).map(|word| word.stem));
        content.sort_unstable();
        content.dedup();
        let shared = in_both(&content, &before) as f64;
        overlap += ratio(shared, (content.len() + before.len()) as f64 - shared);
        std::mem::swap(&mut content, &mut before);
    }
    let total = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    values.push(ratio(overlap, total.saturating_sub(1) as f64));
    values.push(ratio((total - hashes.len()) as f64, total as f64));
}

/// How many hashes two sorted lists have in common.
fn in_both(left: &[u64], right: &[u64]) -> usize {
    let mut rest = right;
    let mut found = 0;
    for hash in left {
        while let [first, others @ ..] = rest
            && first < hash
        {
            rest = others;
        }
        found += usize::from(rest.first() == Some(hash));
    }
    found
}

fn opens_with_i(text: &str) -> bool {
    let start = prefix(text.trim_start(), 4);
    ["I ", "I'", "I’"].iter().any(|opening| start.starts_with(opening))
}

fn opens_with_yes(text: &str) -> bool {
    let start = prefix(text.trim_start(), 24).to_lowercase();
    ["sure", "certainly", "of course", "yes", "here ", "absolutely"]
        .iter()
        .any(|word| start.starts_with(word))
}

fn passages(values: &mut Vec<f64>, view: &View, exchange: &Exchange<'_>) {
    if exchange.passages.is_empty() {
        values.extend([0.0; 11]);
        return;
    }
    let (user, response) = (view.user(exchange), view.response(exchange));
    let (context, passages) = (view.context(exchange), view.passages(exchange));
    let (content, runs) = (&response.content, view.runs(exchange));
    let supported: Vec<&Content> = content.iter().filter(|word| passages.has(word.key)).collect();
    let hits = supported.len() as f64;
    let fresh = supported.iter().filter(|word| !context.has(word.key)).count() as f64;
    let sources = [user, passages];
    let unsupported = |word: &Word| !sources.iter().any(|source| source.has(word.key));
    let names =
        response.words.iter().skip(1).filter(|word| word.capital && !word.entry.is_stop() && word.chars > 1);
    let places = Places::of(response, passages);
    values.extend([
        cosine(passages, response),
        bm25(passages, response).ln_1p(),
        ratio(hits, content.len() as f64),
        share_within(&runs.two, &passages.words, 2),
        share_within(&runs.three, &passages.words, 3),
        ratio(rarity(supported.iter().copied()), rarity(content.iter())),
        ratio(places.common_subsequence() as f64, response.words.len().min(1_024) as f64),
        (places.longest_run() as f64).ln_1p(),
        fresh.ln_1p(),
        count(&response.words, |word| word.digit && unsupported(word)).ln_1p(),
        (names.filter(|word| unsupported(word)).count() as f64).ln_1p(),
    ]);
}

fn rarity<'a>(words: impl Iterator<Item = &'a Content>) -> f64 {
    words.map(|word| f64::from(word.idf)).sum()
}
