//! Whether a string is random enough for a secret.

/// Shannon's entropy of the bytes of a string, in bits a byte.
pub(super) fn bits(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let length = text.len() as f64;
    let part = |count: &u32| {
        let share = f64::from(*count) / length;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(part).sum()
}

/// What people write where a secret would stand.
const PLACEHOLDERS: [&[u8]; 21] = [
    b"example",
    b"your_",
    b"your-",
    b"yourapi",
    b"yourkey",
    b"yourtoken",
    b"yoursecret",
    b"yourpass",
    b"xxxx",
    b"****",
    b"....",
    b"changeme",
    b"change_me",
    b"change-me",
    b"placeholder",
    b"redacted",
    b"dummy",
    b"insert",
    b"replace",
    b"notreal",
    b"fake",
];

/// The first letters of those, in a set by their last five bits.
const FIRST: u32 = {
    let (mut set, mut place) = (0, 0);
    #[expect(
        clippy::indexing_slicing,
        reason = "in a constant, where an index out of range does not compile"
    )]
    while place < PLACEHOLDERS.len() {
        set |= 1 << (PLACEHOLDERS[place][0] & 31);
        place += 1;
    }
    set
};

/// Whether it stands for a secret, as in documentation and templates.
pub(super) fn is_placeholder(text: &[u8]) -> bool {
    let mut lower = [0_u8; 96];
    let length = text.len().min(lower.len());
    let Some(lower) = lower.get_mut(..length) else {
        return false;
    };
    for (to, from) in lower.iter_mut().zip(text) {
        *to = from.to_ascii_lowercase();
    }
    let begins = |at: usize| {
        lower.get(at..).is_some_and(|rest| PLACEHOLDERS.iter().any(|word| rest.starts_with(word)))
    };
    lower.iter().enumerate().any(|(at, byte)| FIRST & 1 << (byte & 31) != 0 && begins(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_the_distribution() {
        assert!((bits(b"abcdabcd") - 2.0).abs() < 1e-12);
        assert!(bits(b"aaaaaaaa").abs() < 1e-12);
    }

    #[test]
    fn placeholders_are_known() {
        assert!(is_placeholder(b"YOUR_API_KEY") && is_placeholder(b"AKIAIOSFODNN7EXAMPLE"));
        assert!(!is_placeholder(b"q8Zr2LmX0pVt"));
    }
}
