//! Threats and wishes of death, of which the model's data hold few.

use std::sync::LazyLock;

use regex::Regex;

/// The score of a sentence with one.
pub(super) const SCORE: f64 = 0.9;

/// Over folded text. A space stands for what is between two words, names of [`LISTS`] for any of their words.
const PHRASES: [&str; 7] = [
    "i ?WILL (?:fucking |find and |come and )?HARM (?:you|u|ya|your family|ur family)",
    "(?:go|just|please|should|better|and|you|then) (?:kill|hang|shoot|drown) SELF",
    "(?:kill|hang) SELF(?: now| already| please)?$",
    "(?:hope|wish|want|pray)(?: that)? (?:you|u|they|he|she)(?: all| both)? (?:die|get cancer|get raped|burn in hell|choke|\
     suffer|drop dead|were dead)",
    "(?:go|should|deserves?(?: to)?|must|ought to|needs? to|just|please) (?:and )?(?:die in a fire|die alone|burn in hell|\
     be (?:killed|shot|hanged|hung|lynched|gassed|exterminated|raped))",
    "(?:gas|exterminate|lynch|hang|shoot|kill) (?:all|every single one of) (?:the|these|those|them|of them)",
    "(?:drop dead|kys)",
];

const LISTS: [(&str, &str); 3] = [
    ("WILL", "(?:will|shall|'ll|am going to|'m going to|'m gonna|am gonna|gonna|wanna|want to)"),
    (
        "HARM",
        "(?:kill|murder|rape|strangle|stab|shoot|hurt|beat up|hunt down|destroy|burn|hang|slaughter|lynch|gut)",
    ),
    ("SELF", "(?:yourself|urself|yourselves)"),
];

static THREATS: LazyLock<Regex> = LazyLock::new(|| {
    let phrases = PHRASES.map(|phrase| {
        let named = LISTS.iter().fold(phrase.to_owned(), |phrase, (name, words)| phrase.replace(name, words));
        // ASCII edges: Unicode's would be slow on what is not ASCII.
        format!(r"(?-u:\b){}(?-u:\b)", named.replace(" ?", "@").replace(' ', "[ ,]{1,3}").replace('@', " ?"))
    });
    compiled(&phrases.join("|"))
});

#[expect(clippy::expect_used, reason = "the patterns come with the crate")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of moderate size")
}

/// Whether a folded sentence holds a threat or wishes somebody dead.
pub(super) fn threatens(sentence: &str) -> bool {
    THREATS.is_match(sentence)
}
