use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::spelling::{skeleton, spelled};

/// Words that are harmless although they hold a word of the lexicon.
struct Innocent {
    /// By their skeletons, under which disguised ones are found too.
    words: HashMap<Vec<u8>, Vec<&'static str>>,
}

static INNOCENT: LazyLock<Innocent> = LazyLock::new(|| {
    let mut words = HashMap::<_, Vec<_>>::new();
    for word in lines(include_str!("../../data/innocent.txt")) {
        words.entry(skeleton(word.as_bytes()).into_vec()).or_default().push(word);
    }
    Innocent { words }
});

/// Short common words, of which compounds are made.
static GLUE: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| lines(include_str!("../../data/glue.txt")).collect());

fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a token is a harmless word, possibly with signs for letters.
pub(super) fn is_innocent(token: &[u8]) -> bool {
    let alike = INNOCENT.words.get(skeleton(token).as_slice());
    let whole = 1_u64 << token.len().min(63);
    alike
        .into_iter()
        .flatten()
        .any(|word| word.len() == token.len() && spelled(word.as_bytes(), token, false) & whole != 0)
}

/// Whether `part` is nothing, or one or two short common words.
pub(super) fn is_glue(part: &[u8]) -> bool {
    let Ok(part) = std::str::from_utf8(part) else {
        return false;
    };
    let splits = |at: usize| {
        let (first, second) = part.split_at_checked(at).unwrap_or((part, ""));
        GLUE.contains(first) && GLUE.contains(second)
    };
    part.is_empty() || GLUE.contains(part) || (2..part.len().saturating_sub(1)).any(splits)
}
