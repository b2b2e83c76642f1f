use std::collections::HashMap;

use super::chrf::is_space;

/// The longest run of words that is compared.
const ORDER: usize = 4;

/// BLEU of one sentence: the geometric mean of the precisions of 1 to 4 words, with a penalty for answers shorter
/// than the reference. From 0 to 1; 0 when no word is shared. Case counts.
///
/// Papineni et al., "BLEU: a method for automatic evaluation of machine translation" (ACL 2002), with the
/// tokenisation of mteval-v13a, the exponential smoothing of Chen and Cherry (WMT 2014, method 3) and as many
/// orders as the answer has, as sacreBLEU 2.6.0's `sentence_bleu` computes it, divided by 100. A measure of whole
/// corpora: of a single short answer it says little.
///
/// ```
/// use helm_eval::metrics::sentence_bleu;
///
/// let bleu = sentence_bleu("the cat sat on the mat", "the cat sat on a mat");
/// assert!(bleu > 0.4 && bleu < 0.7);
/// ```
#[must_use]
pub fn sentence_bleu(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (tokens_13a(answer), tokens_13a(reference));
    let (mut log_sum, mut order, mut smoothing, mut matches) = (0.0, 0, 1.0, 0);
    for length in 1..=ORDER.min(answer.len()) {
        let total = (answer.len() + 1 - length) as f64;
        let matched = clipped_matches(&answer, &reference, length);
        let precision = if matched == 0 {
            smoothing *= 2.0;
            1.0 / (smoothing * total)
        } else {
            f64::from(matched) / total
        };
        (order, matches) = (length, matches + matched);
        log_sum += precision.ln();
    }
    if matches == 0 {
        return 0.0;
    }
    brevity_penalty(answer.len() as f64, reference.len() as f64) * (log_sum / order as f64).exp()
}

fn brevity_penalty(answer: f64, reference: f64) -> f64 {
    if answer < reference { (1.0 - reference / answer).exp() } else { 1.0 }
}

fn clipped_matches(answer: &[String], reference: &[String], length: usize) -> u32 {
    let mut left: HashMap<&[String], u32> = HashMap::new();
    reference.windows(length).for_each(|gram| *left.entry(gram).or_default() += 1);
    let mut matched = 0;
    for gram in answer.windows(length) {
        if let Some(count) = left.get_mut(gram).filter(|count| **count > 0) {
            *count -= 1;
            matched += 1;
        }
    }
    matched
}

/// The words of mteval-v13a: marks stand alone, except for stops and commas between digits and what joins words.
fn tokens_13a(text: &str) -> Vec<String> {
    let line = text.trim_end_matches(is_space).replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    let line = line.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    let spaced = spaced(&line);
    let spaced = after_others(&spaced);
    let spaced = before_others(&spaced);
    let spaced = dashes_after_digits(&spaced);
    let line: String = spaced.into_iter().collect();
    line.split(is_space).filter(|token| !token.is_empty()).map(str::to_owned).collect()
}

/// Marks of ASCII but `'`, `,`, `-` and `.` stand alone.
fn spaced(line: &str) -> Vec<char> {
    let mut out = vec![' '];
    for char in line.chars() {
        if matches!(char, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/') {
            out.extend([' ', char, ' ']);
        } else {
            out.push(char);
        }
    }
    out.push(' ');
    out
}

fn is_point(char: char) -> bool {
    char == '.' || char == ','
}

/// Stops and commas behind what is no digit stand alone.
fn after_others(line: &[char]) -> Vec<char> {
    rewrite(line, |first, second| {
        (!first.is_ascii_digit() && is_point(second)).then_some([first, ' ', second, ' '])
    })
}

/// Stops and commas before what is no digit stand alone.
fn before_others(line: &[char]) -> Vec<char> {
    rewrite(line, |first, second| {
        (is_point(first) && !second.is_ascii_digit()).then_some([' ', first, ' ', second])
    })
}

/// Dashes behind a digit stand alone.
fn dashes_after_digits(line: &[char]) -> Vec<char> {
    rewrite(line, |first, second| {
        (first.is_ascii_digit() && second == '-').then_some([first, ' ', second, ' '])
    })
}

/// Replaces pairs from left to right; a pair that was replaced is not looked at again.
fn rewrite(line: &[char], replace: impl Fn(char, char) -> Option<[char; 4]>) -> Vec<char> {
    let mut out = Vec::with_capacity(line.len() + 16);
    let mut rest = line;
    while let [first, others @ ..] = rest {
        let replaced = others.first().and_then(|second| replace(*first, *second));
        match (replaced, others) {
            (Some(chars), [_, behind @ ..]) => {
                out.extend(chars);
                rest = behind;
            }
            _ => {
                out.push(*first);
                rest = others;
            }
        }
    }
    out
}
