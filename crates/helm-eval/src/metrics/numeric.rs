use crate::error::{Error, Result};

/// Whether both texts say the same to the letter, but for case, white space and marks at the ends.
///
/// ```
/// use helm_eval::metrics::exact_match;
///
/// assert!(exact_match(" Paris.", "paris"));
/// assert!(!exact_match("Paris, France", "Paris"));
/// ```
#[must_use]
pub fn exact_match(answer: &str, reference: &str) -> bool {
    normal(answer) == normal(reference)
}

fn normal(text: &str) -> String {
    let inner = text.trim_matches(|char: char| char.is_whitespace() || ".!?\"'`*。！？".contains(char));
    // A text of nothing but marks is compared by its marks.
    let inner = if inner.is_empty() { text.trim() } else { inner };
    inner.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// How far from a number another may be to be the same.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NumericTolerance {
    relative: f64,
    absolute: f64,
}

impl NumericTolerance {
    /// Numbers are the same that differ by at most `absolute`, or by at most the part `relative` of the expected
    /// number. Default: a part of 10⁻⁶, and 10⁻⁹.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] when either is not a number of at least 0.
    pub fn new(relative: f64, absolute: f64) -> Result<Self> {
        let is_fine = |value: f64| value.is_finite() && value >= 0.0;
        if is_fine(relative) && is_fine(absolute) {
            return Ok(Self { relative, absolute });
        }
        Err(Error::NotFinite { what: "a tolerance, which is a number of at least 0" })
    }

    fn holds(self, found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= self.absolute.max(self.relative * wanted.abs())
    }
}

impl Default for NumericTolerance {
    fn default() -> Self {
        Self { relative: 1e-6, absolute: 1e-9 }
    }
}

/// Whether the last number of the answer is the last number of the reference; `None` when the reference has no
/// number. Answers end with their result, so the last number counts. Commas between groups of three digits are
/// left out: `1,234.5` is 1234.5; per cent signs and units are not looked at.
///
/// ```
/// use helm_eval::metrics::{NumericTolerance, numeric_match};
///
/// let near = NumericTolerance::new(0.01, 0.0)?;
/// assert_eq!(numeric_match("3 x 4 is 12.05", "12", near), Some(true));
/// assert_eq!(numeric_match("about 12", "none", near), None);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[must_use]
pub fn numeric_match(answer: &str, reference: &str, tolerance: NumericTolerance) -> Option<bool> {
    let wanted = last_number(reference)?;
    Some(last_number(answer).is_some_and(|found| tolerance.holds(found, wanted)))
}

fn last_number(text: &str) -> Option<f64> {
    let (mut last, mut from) = (None, 0);
    while let Some(rest) = text.get(from..)
        && let Some(start) = rest.find(|char: char| char.is_ascii_digit())
    {
        let (before, number) = text.split_at(from + start);
        let length = number_length(number);
        let digits = number.get(..length).unwrap_or_default();
        let value = digits.replace(',', "").parse::<f64>().ok().filter(|value| value.is_finite());
        last = value.map(|value| if is_negative(before) { -value } else { value }).or(last);
        from += start + length;
    }
    last
}

/// Whether a minus stands before the number, and no word that it would join.
fn is_negative(before: &str) -> bool {
    let Some(before) = before.strip_suffix(['-', '\u{2212}']) else { return false };
    !before.chars().next_back().is_some_and(char::is_alphanumeric)
}

/// How many bytes the number takes that begins here: digits in groups, a fraction and an exponent.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.as_bytes().get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut length = digits(0);
    if length <= 3 {
        while text.as_bytes().get(length) == Some(&b',') && digits(length + 1) == 3 {
            length += 4;
        }
    }
    if text.as_bytes().get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(text.as_bytes().get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.as_bytes().get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        length += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    length
}
