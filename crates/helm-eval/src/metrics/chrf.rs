use std::collections::HashMap;

/// The longest run of characters that is compared.
const ORDER: usize = 6;
/// How much more recall counts than precision.
const BETA: f64 = 2.0;

/// chrF2: the F-score of character n-grams of 1 to 6 characters, white space left out, recall counted twice as
/// much as precision. From 0 to 1; 0 when either text is blank. Case counts.
///
/// Popović, "chrF: character n-gram F-score for automatic MT evaluation" (WMT 2015), as sacreBLEU 2.6.0 computes
/// it for a sentence (`nc:6|nw:0|space:no|eff:yes`), divided by 100. The time grows with the length of the texts,
/// not with its square.
///
/// ```
/// use helm_eval::metrics::chrf;
///
/// assert!((chrf("the cat sat", "the cat sat") - 1.0).abs() < 1e-12);
/// assert_eq!(chrf("", "the cat sat"), 0.0);
/// ```
#[must_use]
pub fn chrf(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (visible(answer), visible(reference));
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for order in 1..=ORDER.min(answer.len()).min(reference.len()) {
        let grams = |text: &[char]| (text.len() + 1 - order) as f64;
        let matched = matches(&answer, &reference, order);
        precision += matched / grams(&answer);
        recall += matched / grams(&reference);
        orders += 1.0;
    }
    if orders == 0.0 || precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall, factor) = (precision / orders, recall / orders, BETA * BETA);
    (1.0 + factor) * precision * recall / (factor * precision + recall)
}

fn visible(text: &str) -> Vec<char> {
    text.chars().filter(|char| !is_space(*char)).collect()
}

/// What Python splits words at: white space, and the separators of files, groups, records and units.
pub(super) fn is_space(char: char) -> bool {
    char.is_whitespace() || matches!(char, '\u{1c}'..='\u{1f}')
}

/// How many runs of `order` characters of the answer are in the reference, each at most as often as there.
fn matches(answer: &[char], reference: &[char], order: usize) -> f64 {
    let mut left: HashMap<&[char], u32> = HashMap::new();
    reference.windows(order).for_each(|gram| *left.entry(gram).or_default() += 1);
    let mut matched = 0_u32;
    for gram in answer.windows(order) {
        if let Some(count) = left.get_mut(gram).filter(|count| **count > 0) {
            *count -= 1;
            matched += 1;
        }
    }
    f64::from(matched)
}
