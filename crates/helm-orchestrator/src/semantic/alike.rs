//! Whether two questions that an embedding takes for the same are not: embeddings hardly see a number, a negation, an
//! order, or one word among many. What is said here is only ever that an answer is not to be used again.

/// Words that say how something is asked and not what.
const FILLERS: &[&str] = &[
    "a", "about", "all", "am", "an", "and", "any", "are", "as", "at", "be", "best", "by", "can", "could",
    "did", "do", "does", "for", "from", "get", "give", "go", "had", "has", "have", "hello", "help", "hey",
    "hi", "how", "i", "in", "into", "is", "it", "know", "let", "like", "ll", "m", "may", "me", "my", "of",
    "on", "or", "our", "please", "re", "s", "should", "so", "tell", "thank", "thanks", "that", "the",
    "there", "this", "to", "ve", "want", "was", "way", "we", "were", "what", "which", "will", "with",
    "would", "you", "your",
];
/// Words whose presence turns a question around.
const NEGATIONS: &[&str] = &[
    "no", "not", "never", "none", "cannot", "without", "except", "nicht", "kein", "keine", "keinen", "nie",
    "ohne", "pas", "sans", "jamais", "sin", "nunca",
];

/// Whether the questions mean two things, however near they are.
pub(super) fn differ(one: &str, other: &str) -> bool {
    let (one, other) = (Said::of(one), Said::of(other));
    if one.negations != other.negations || one.numbers() != other.numbers() {
        return true;
    }
    let (shared, again) = (one.shared_with(&other), other.shared_with(&one));
    // The same words in another order: from Paris to London is not from London to Paris.
    if shared != again {
        return true;
    }
    // Of two questions that share most words, those that they do not share are the point.
    let apart = one.words.len() + other.words.len() - 2 * shared.len();
    apart > 0 && apart <= 2 * shared.len()
}

/// What of a text says what it is about.
struct Said {
    words: Vec<String>,
    negations: usize,
}

impl Said {
    fn of(text: &str) -> Self {
        let text = text.to_lowercase().replace('’', "'");
        let all: Vec<_> = text.split(|char: char| !(char.is_alphanumeric() || char == '\'')).collect();
        let is_negation = |word: &&&str| NEGATIONS.contains(word) || word.ends_with("n't");
        let negations = all.iter().filter(is_negation).count();
        let words = all.iter().flat_map(|word| word.split('\'')).filter(|word| !word.is_empty());
        let words = words.filter(|word| !FILLERS.contains(word)).map(|word| singular(word).to_owned());
        Self { words: words.collect(), negations }
    }

    fn numbers(&self) -> Vec<&str> {
        let has_digit = |word: &&str| word.chars().any(char::is_numeric);
        self.words.iter().map(String::as_str).filter(has_digit).collect()
    }

    /// Its words that the other has too, in its own order.
    fn shared_with(&self, other: &Self) -> Vec<&str> {
        let mut left: Vec<_> = other.words.iter().map(String::as_str).collect();
        let taken = self.words.iter().map(String::as_str).filter(|word| {
            let place = left.iter().position(|other| other == word);
            place.map(|place| left.swap_remove(place)).is_some()
        });
        taken.collect()
    }
}

/// English words without the mark of the plural.
fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 && !stem.ends_with('s') && !stem.ends_with('u') => stem,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_embeddings_do_not_see_is_seen() {
        for (one, other) in [
            ("Where is order 4711?", "Where is order 4712?"),
            ("Can I pay by card?", "Can't I pay by card?"),
            ("Flights from Paris to London", "Flights from London to Paris, please"),
            (
                "How do I enable two-factor login for my team?",
                "How do I disable two-factor login for my team?",
            ),
            ("What does the plan cost?", "What does the yearly plan cost?"),
        ] {
            assert!(differ(one, other) && differ(other, one), "{one} / {other}");
        }
    }

    #[test]
    fn the_same_in_a_few_other_words_is_the_same() {
        for (one, other) in [
            ("How do I reset my password?", "how can i reset my passwords"),
            ("Tell me the opening hours, please.", "What are the opening hours?"),
            ("Why is my screen black?", "My display shows nothing"),
        ] {
            assert!(!differ(one, other) && !differ(other, one), "{one} / {other}");
        }
    }
}
