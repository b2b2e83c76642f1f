/// Words beyond this number are not compared: the time grows with the product of both lengths.
const MOST_WORDS: usize = 1_024;

/// How much of two texts is in the same order.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct RougeL {
    /// The share of the answer's words that are in the reference in this order, from 0 to 1.
    pub precision: f64,
    /// The share of the reference's words that are in the answer in this order, from 0 to 1.
    pub recall: f64,
    /// Their harmonic mean, from 0 to 1.
    pub f1: f64,
}

/// ROUGE-L: the longest common subsequence of words, against the length of each text.
///
/// Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), as rouge-score 0.1.2 computes it without
/// a stemmer: words are runs of `a`-`z` and `0`-`9` in lower case, so texts in other scripts have none and score
/// 0. At most the first 1,024 words of each text are compared.
///
/// ```
/// use helm_eval::metrics::rouge_l;
///
/// let rouge = rouge_l("the cat sat", "the black cat sat down");
/// assert_eq!((rouge.precision, rouge.recall), (1.0, 0.6));
/// ```
#[must_use]
pub fn rouge_l(answer: &str, reference: &str) -> RougeL {
    let (answer, reference) = (words(answer), words(reference));
    if answer.is_empty() || reference.is_empty() {
        return RougeL::default();
    }
    let common = longest_common_subsequence(&answer, &reference) as f64;
    let (precision, recall) = (common / answer.len() as f64, common / reference.len() as f64);
    let sum = precision + recall;
    RougeL { precision, recall, f1: if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 } }
}

/// The length of the longest common subsequence, in time of the product of both lengths.
pub(crate) fn longest_common_subsequence<T: PartialEq>(left: &[T], right: &[T]) -> usize {
    let mut row = vec![0_u32; right.len() + 1];
    for item in left {
        let (mut diagonal, mut before) = (0, 0);
        for (cell, other) in row.iter_mut().skip(1).zip(right) {
            let above = *cell;
            *cell = if item == other { diagonal + 1 } else { above.max(before) };
            (diagonal, before) = (above, *cell);
        }
    }
    row.last().map_or(0, |length| *length as usize)
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.take(MOST_WORDS).map(str::to_owned).collect()
}
