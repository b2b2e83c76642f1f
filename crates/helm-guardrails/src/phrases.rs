//! Words and phrases that somebody does not want to read.

use std::borrow::Cow;
use std::collections::HashMap;

use helm_core::{Category, Severity, Span};

use crate::detector::{Detector, Reach};
use crate::error::{Error, Result};
use crate::finding::{Finding, Findings};
use crate::view::TextView;

/// Finds the words and phrases of lists, such as competitors and banned topics.
///
/// Case, accents, full width, look-alike letters and invisible characters make no difference, nor does what stands
/// between the words of a phrase. Words must be whole: `ban` is not found in `urban`; `ban*` is found in `banned` too.
/// In scripts without spaces a phrase is found anywhere.
///
/// ```
/// use helm_guardrails::{Detector, Findings, PhraseFilter, TextView};
///
/// let filter = PhraseFilter::new().list("COMPETITOR", ["Acme Corp"])?.list("WEAPONS", ["bomb*"])?;
/// let mut findings = Findings::new();
/// filter.scan(&TextView::new("ACME\n corp sells no b\u{200b}ombs"), &mut findings);
/// assert_eq!(findings.iter().count(), 2);
/// # Ok::<_, helm_guardrails::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PhraseFilter {
    lists: Vec<String>,
    /// Phrases by their first word.
    phrases: HashMap<String, Vec<Phrase>>,
    /// The phrases whose first word goes on, by their number of bytes.
    prefixes: Vec<(String, Phrase)>,
    /// Phrases in scripts without spaces.
    anywhere: Vec<(String, usize)>,
    longest: usize,
}

#[derive(Clone, Debug)]
struct Phrase {
    /// All words but the first; the last may be a beginning.
    rest: Vec<String>,
    goes_on: bool,
    list: usize,
}

/// How much may stand between two words of a phrase, in bytes.
const GAP: usize = 16;

impl PhraseFilter {
    /// The filter that finds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a list, whose name is the entity in results.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPhrase`] for a phrase without letters and digits or of more than 256 bytes.
    pub fn list<'p>(mut self, name: &str, phrases: impl IntoIterator<Item = &'p str>) -> Result<Self> {
        let list = self.lists.len();
        self.lists.push(name.to_owned());
        for phrase in phrases {
            self.add(phrase, list).ok_or_else(|| Error::InvalidPhrase { phrase: phrase.to_owned() })?;
        }
        Ok(self)
    }

    fn add(&mut self, phrase: &str, list: usize) -> Option<()> {
        let goes_on = phrase.trim_end().ends_with('*');
        let view = TextView::new(phrase);
        let folded = view.words().text();
        let mut all = words(folded).map(|(start, end)| folded.get(start..end).unwrap_or_default().to_owned());
        let first = all.next().filter(|_| folded.len() <= 256)?;
        let rest: Vec<String> = all.collect();
        self.longest = self.longest.max(folded.len() + GAP * rest.len());
        if folded.chars().any(is_unspaced) {
            self.anywhere.push((folded.trim().trim_end_matches('*').to_owned(), list));
        } else if goes_on && rest.is_empty() {
            self.prefixes.push((first, Phrase { rest, goes_on, list }));
        } else {
            self.phrases.entry(first).or_default().push(Phrase { rest, goes_on, list });
        }
        Some(())
    }

    fn found(&self, findings: &mut Findings, list: usize, span: Span) {
        let name = self.lists.get(list).cloned().unwrap_or_default();
        findings.push(Finding::new(Category::Topic, Cow::Owned(name), span, Severity::Medium));
    }
}

/// The runs of letters and digits of a text.
fn words(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, _) = chars.find(|(_, char)| char.is_alphanumeric())?;
        while chars.next_if(|(_, char)| char.is_alphanumeric()).is_some() {}
        Some((start, chars.peek().map_or(text.len(), |(at, _)| *at)))
    })
}

/// Letters of scripts that put no spaces between words.
fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

impl Phrase {
    /// Where the phrase ends whose first word ended at `end`. `Err` when the text ends before it can be told.
    fn ends(&self, text: &str, mut end: usize) -> std::result::Result<Option<usize>, ()> {
        for (place, word) in self.rest.iter().enumerate() {
            let rest = text.get(end..).unwrap_or_default();
            let Some((start, stop)) = words(rest).next() else {
                return if rest.len() <= GAP { Err(()) } else { Ok(None) };
            };
            let found = rest.get(start..stop).unwrap_or_default();
            let is_last = place + 1 == self.rest.len();
            let same = if self.goes_on && is_last { found.starts_with(word.as_str()) } else { found == word };
            if start > GAP || !same {
                let cut = start <= GAP && end + stop == text.len() && word.starts_with(found);
                return if cut { Err(()) } else { Ok(None) };
            }
            end += stop;
        }
        Ok(Some(end))
    }
}

impl Detector for PhraseFilter {
    fn id(&self) -> &'static str {
        "phrases"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Topic]
    }

    fn entities(&self) -> Vec<&str> {
        self.lists.iter().map(String::as_str).collect()
    }

    fn reach(&self) -> Reach {
        Reach::Tracked(self.longest + GAP)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let folded = view.words();
        let text = folded.text();
        for (start, end) in words(text) {
            let word = text.get(start..end).unwrap_or_default();
            for phrase in self.phrases.get(word).into_iter().flatten() {
                match phrase.ends(text, end) {
                    Ok(Some(end)) => self.found(findings, phrase.list, folded.original(start..end)),
                    Ok(None) => {}
                    Err(()) => findings.pending(folded.original(start..end).start),
                }
            }
            for (_, phrase) in self.prefixes.iter().filter(|(first, _)| word.starts_with(first.as_str())) {
                self.found(findings, phrase.list, folded.original(start..end));
            }
        }
        for (phrase, list) in &self.anywhere {
            for (at, found) in text.match_indices(phrase.as_str()) {
                self.found(findings, *list, folded.original(at..at + found.len()));
            }
        }
    }

    fn settings(&self) -> String {
        let mut all: Vec<_> = self.phrases.iter().map(|(first, rest)| format!("{first} {rest:?}")).collect();
        all.sort();
        format!("{:?} {all:?} {:?} {:?}", self.lists, self.prefixes, self.anywhere)
    }
}
