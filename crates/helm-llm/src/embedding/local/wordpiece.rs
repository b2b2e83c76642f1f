//! Texts as the numbers of word pieces (Devlin et al. 2019), as `tokenizer.json` says.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::config::json;
use super::error::LocalModelError;

/// Cuts texts into pieces of words.
pub(super) struct WordPiece {
    vocabulary: HashMap<String, usize>,
    lowercase: bool,
    strip_accents: bool,
    prefix: String,
    longest_word: usize,
    begin: usize,
    end: usize,
    unknown: usize,
}

#[derive(Deserialize)]
struct Written {
    normalizer: Normalizer,
    model: Model,
}

#[derive(Deserialize)]
struct Normalizer {
    r#type: String,
    #[serde(default)]
    lowercase: bool,
    #[serde(default)]
    strip_accents: Option<bool>,
}

#[derive(Deserialize)]
struct Model {
    r#type: String,
    vocab: HashMap<String, usize>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
}

impl WordPiece {
    pub(super) fn read(path: &Path, vocabulary: usize) -> Result<Self, LocalModelError> {
        let Written { normalizer, model } = json(path)?;
        let unfit = |why: String| LocalModelError::unfit(path, why);
        if (&*normalizer.r#type, &*model.r#type) != ("BertNormalizer", "WordPiece") {
            return Err(unfit("only word pieces with BERT's normaliser are known".to_owned()));
        }
        if model.vocab.values().any(|id| *id >= vocabulary) {
            return Err(unfit("it has pieces that the model has not".to_owned()));
        }
        let id =
            |piece: &str| model.vocab.get(piece).copied().ok_or_else(|| unfit(format!("it has no {piece}")));
        let (begin, end, unknown) = (id("[CLS]")?, id("[SEP]")?, id(&model.unk_token)?);
        Ok(Self {
            lowercase: normalizer.lowercase,
            strip_accents: normalizer.strip_accents.unwrap_or(normalizer.lowercase),
            prefix: model.continuing_subword_prefix,
            longest_word: model.max_input_chars_per_word,
            vocabulary: model.vocab,
            begin,
            end,
            unknown,
        })
    }

    /// The pieces of a text between the marks of its begin and end, no more than `most` with them.
    pub(super) fn pieces(&self, text: &str, most: usize) -> Vec<usize> {
        let text = self.normalised(text);
        let mut ids = vec![self.begin];
        for word in words(&text) {
            if ids.len() + 1 >= most {
                break;
            }
            self.cut(word, &mut ids);
        }
        ids.truncate(most.saturating_sub(1));
        ids.push(self.end);
        ids
    }

    fn normalised(&self, text: &str) -> String {
        let kept = text.chars().filter(|char| !is_left_out(*char));
        let mut spaced = String::with_capacity(text.len());
        for char in kept {
            match char {
                char if char.is_whitespace() => spaced.push(' '),
                char if is_ideograph(char) => spaced.extend([' ', char, ' ']),
                char => spaced.push(char),
            }
        }
        if self.strip_accents {
            spaced = spaced.nfd().filter(|char| !is_combining_mark(*char)).collect();
        }
        if self.lowercase { spaced.to_lowercase() } else { spaced }
    }

    /// The longest pieces that make up a word, from its begin on; unknown when there are none.
    fn cut(&self, word: &str, ids: &mut Vec<usize>) {
        let before = ids.len();
        let mut rest = word;
        while !rest.is_empty() {
            let prefix = if rest.len() == word.len() { "" } else { self.prefix.as_str() };
            let found = self.longest(prefix, rest).filter(|_| word.chars().count() <= self.longest_word);
            let Some((id, length)) = found else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    fn longest(&self, prefix: &str, rest: &str) -> Option<(usize, usize)> {
        let ends = rest.char_indices().map(|(start, char)| start + char.len_utf8());
        let ends = ends.take(self.longest_word).collect::<Vec<_>>();
        ends.into_iter().rev().find_map(|end| {
            let piece = format!("{prefix}{}", rest.get(..end)?);
            Some((*self.vocabulary.get(&piece)?, end))
        })
    }
}

/// Words, and marks of punctuation each by itself.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let cut = |word| {
        let mut parts = Vec::new();
        let mut rest: &str = word;
        while let Some((at, mark)) = rest.char_indices().find(|(_, char)| is_punctuation(*char)) {
            let (before, after) = rest.split_at(at);
            let (mark, after) = after.split_at(mark.len_utf8());
            parts.extend([before, mark]);
            rest = after;
        }
        parts.push(rest);
        parts
    };
    text.split(' ').flat_map(cut).filter(|word| !word.is_empty())
}

fn is_left_out(char: char) -> bool {
    matches!(char, '\0' | '\u{fffd}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
        || (char.is_control() && !matches!(char, '\t' | '\n' | '\r'))
}

fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2ceaf}' | '\u{2f800}'..='\u{2fa1f}')
}

fn is_punctuation(char: char) -> bool {
    char.is_ascii_punctuation()
        || matches!(char, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{37e}' | '\u{387}' | '\u{55a}'..='\u{55f}'
            | '\u{589}' | '\u{58a}' | '\u{5be}' | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{6d4}' | '\u{964}' | '\u{965}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}' | '\u{2053}'..='\u{205e}'
            | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{30fb}'
            | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe52}' | '\u{ff01}'..='\u{ff03}' | '\u{ff05}'..='\u{ff0a}'
            | '\u{ff0c}'..='\u{ff0f}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}' | '\u{ff20}' | '\u{ff3b}'..='\u{ff3d}')
}
