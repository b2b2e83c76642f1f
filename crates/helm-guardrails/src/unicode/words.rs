//! Words of letters that look alike.

use super::scripts::{greek, latin};
use crate::view::look_alike;

/// The letters of a word so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Word {
    start: Option<usize>,
    latin: usize,
    /// Letters of other scripts that look like Latin ones.
    alike: usize,
    greek: usize,
    others: usize,
    /// Small letters of Latin.
    small: usize,
    /// How often Latin and another script follow on each other.
    switches: usize,
    was_latin: Option<bool>,
}

impl Word {
    pub(super) fn letter(&mut self, at: usize, char: char) {
        self.start.get_or_insert(at);
        let is_latin = latin(char);
        if is_latin {
            self.latin += 1;
            self.small += usize::from(char.is_lowercase());
        } else if look_alike(char).is_some() {
            self.alike += 1;
            self.greek += usize::from(greek(char));
        } else {
            self.others += 1;
        }
        self.switches += usize::from(self.was_latin.is_some_and(|was| was != is_latin));
        self.was_latin = Some(is_latin);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start.is_none()
    }

    pub(super) fn start(&self) -> usize {
        self.start.unwrap_or(0)
    }

    /// Whether it mixes Latin letters with letters that look like them, other than as abbreviations with an ending
    /// and formulas do.
    pub(super) fn is_mixed(&self) -> bool {
        let mixed = self.latin > 0 && self.alike > 0 && self.latin + self.alike + self.others >= 3;
        let woven = self.switches >= 2 && self.alike >= self.others;
        let disguised = self.others == 0 && self.small > 0;
        let formula = self.greek == self.alike && self.latin < 4 && self.switches < 2;
        mixed && (woven || disguised) && !formula
    }
}

/// Whether a word mixes Latin letters with others that look like them, or is made of nothing but such others.
pub(crate) fn is_disguised(text: &str) -> bool {
    let mut word = Word::default();
    for (at, char) in text.char_indices().filter(|(_, char)| char.is_alphabetic()) {
        word.letter(at, char);
    }
    word.is_mixed() || (word.alike >= 3 && word.latin + word.others == 0)
}
