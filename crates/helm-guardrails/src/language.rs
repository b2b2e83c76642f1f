use std::sync::Arc;

use helm_core::{Category, Severity, UnitInterval};
use whichlang::{LANGUAGES, Lang, detect_language};

use crate::detector::{Detector, Reach};
use crate::error::{Error, Result};
use crate::finding::{Finding, Findings};
use crate::view::{TextView, visible_len};

/// Finds texts in other languages than some, such as `LANGUAGE_FRA`.
///
/// The text is judged in parts of some 200 bytes, by a linear model over pieces of words (crate `whichlang`); the score is
/// the share of the text that is in the language it is mostly in. Texts of fewer than 24 letters are not judged: a name or
/// a word says little.
///
/// Known are `ara cmn deu eng fra hin ita jpn kor nld por rus spa swe tur vie` (ISO 639-3). A text in another language is
/// taken for the one of these that it resembles.
#[derive(Clone, Debug)]
pub struct LanguageFilter {
    allowed: Arc<[Lang]>,
}

/// Texts of fewer letters are not judged.
const FEWEST: usize = 24;
/// The bytes of a part, to the end of a word.
const PART: usize = 200;

impl LanguageFilter {
    /// Finds texts that are in none of these languages.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownLanguage`] for a code that is not one of the above, or when there is none.
    pub fn allowing<C: AsRef<str>>(codes: impl IntoIterator<Item = C>) -> Result<Self> {
        let known = |code: C| {
            let found = LANGUAGES.iter().find(|language| language.three_letter_code() == code.as_ref());
            found.copied().ok_or_else(|| Error::UnknownLanguage { code: code.as_ref().to_owned() })
        };
        let allowed: Vec<Lang> = codes.into_iter().map(known).collect::<Result<_>>()?;
        if allowed.is_empty() {
            return Err(Error::UnknownLanguage { code: String::new() });
        }
        Ok(Self { allowed: allowed.into() })
    }
}

/// The language that a text is mostly in, and the share of it that is.
fn mostly(text: &str) -> Option<(Lang, f64)> {
    let mut shares = [0_usize; LANGUAGES.len()];
    let (mut rest, mut all) = (text, 0);
    while !rest.is_empty() {
        let (part, after) = rest.split_at(part_end(rest));
        let letters = part.chars().filter(|char| char.is_alphabetic()).count();
        let language = detect_language(part);
        let share = LANGUAGES.iter().zip(&mut shares).find(|(known, _)| **known == language);
        if let Some((_, share)) = share {
            *share += letters;
        }
        (rest, all) = (after, all + letters);
    }
    let (language, share) = LANGUAGES.iter().zip(shares).max_by_key(|(_, share)| *share)?;
    (all >= FEWEST).then(|| (*language, share as f64 / all as f64))
}

/// Where the first part of a text ends: at the end of a word, unless there is none.
fn part_end(text: &str) -> usize {
    let full = text.floor_char_boundary(PART);
    let rest = text.get(full..).unwrap_or_default();
    let word = rest.find(char::is_whitespace).filter(|length| *length < PART);
    let end = full + word.unwrap_or(0);
    // A last part of a few words is judged with the one before it.
    if text.len() - end < PART / 2 { text.len() } else { end }
}

impl Detector for LanguageFilter {
    fn id(&self) -> &'static str {
        "language"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Language]
    }

    fn entities(&self) -> Vec<&str> {
        LANGUAGES.iter().map(|language| entity(*language)).collect()
    }

    fn reach(&self) -> Reach {
        Reach::WholeText
    }

    fn settings(&self) -> String {
        format!("{:?}", self.allowed)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        // Invisible characters must not make a text another language's.
        let is_plain = view.is_ascii() || view.text().chars().all(|char| visible_len(char) > 0);
        let visible: String;
        let text = if is_plain {
            view.text()
        } else {
            visible =
                view.text().chars().filter(|char| visible_len(*char) > 0 || char.is_alphabetic()).collect();
            &visible
        };
        let Some((language, share)) = mostly(text).filter(|(language, _)| !self.allowed.contains(language))
        else {
            return;
        };
        if let Ok(score) = UnitInterval::clamped(share) {
            let finding = Finding::new(Category::Language, entity(language), None, Severity::Low);
            findings.push(finding.with_score(score));
        }
    }
}

const fn entity(language: Lang) -> &'static str {
    match language {
        Lang::Ara => "LANGUAGE_ARA",
        Lang::Cmn => "LANGUAGE_CMN",
        Lang::Deu => "LANGUAGE_DEU",
        Lang::Eng => "LANGUAGE_ENG",
        Lang::Fra => "LANGUAGE_FRA",
        Lang::Hin => "LANGUAGE_HIN",
        Lang::Ita => "LANGUAGE_ITA",
        Lang::Jpn => "LANGUAGE_JPN",
        Lang::Kor => "LANGUAGE_KOR",
        Lang::Nld => "LANGUAGE_NLD",
        Lang::Por => "LANGUAGE_POR",
        Lang::Rus => "LANGUAGE_RUS",
        Lang::Spa => "LANGUAGE_SPA",
        Lang::Swe => "LANGUAGE_SWE",
        Lang::Tur => "LANGUAGE_TUR",
        Lang::Vie => "LANGUAGE_VIE",
    }
}
