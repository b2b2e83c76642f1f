use std::fmt;

use helm_core::PolicyHash;

use super::features::{SLOTS, Sink, Word, features};
use crate::error::{Error, Result};

/// A linear model of hashed words and runs of letters: sums of whole numbers, so that a text has the same score on
/// every machine.
///
/// z = b + g·G/√m + w·W/√n, where G and W are the sums of the 8-bit weights of the m runs of three to five letters and
/// of the n words and pairs of words of the text, and the score is 1 / (1 + exp(−z)). The bias b is one for whole
/// texts and another for single sentences, of which a text has many that might be taken for something.
///
/// ```
/// use helm_guardrails::LinearModel;
///
/// assert!(LinearModel::from_bytes(b"something else").is_err());
/// let model = LinearModel::toxicity();
/// assert!(model.score("you are a fucking idiot") > 0.9);
/// assert_eq!(LinearModel::from_bytes(&model.to_bytes()).as_ref(), Ok(model));
/// ```
#[derive(Clone, PartialEq)]
pub struct LinearModel {
    grams: Box<[i8; SLOTS]>,
    words: Box<[i8; SLOTS]>,
    parameters: Parameters,
}

/// What turns the sums into a score.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Parameters {
    /// For whole texts.
    pub(crate) bias: f64,
    /// For single sentences.
    pub(crate) part_bias: f64,
    /// What one step of a weight of a run of letters is.
    pub(crate) gram: f64,
    /// What one step of a weight of a word or a pair of words is.
    pub(crate) word: f64,
}

const MAGIC: &[u8; 8] = b"helmlin1";
const HEADER: usize = 8 + 4 * 8;

impl LinearModel {
    pub(crate) fn new(grams: Box<[i8; SLOTS]>, words: Box<[i8; SLOTS]>, parameters: Parameters) -> Self {
        Self { grams, words, parameters }
    }

    /// The model in this file, which the trainer wrote.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidModel`] when it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let body = bytes.strip_prefix(MAGIC).filter(|_| bytes.len() == HEADER + 2 * SLOTS);
        let mut rest = body.ok_or(Error::InvalidModel)?;
        let mut numbers = [0.0; 4];
        for number in &mut numbers {
            let (first, others) = rest.split_first_chunk::<8>().ok_or(Error::InvalidModel)?;
            (*number, rest) = (f64::from_le_bytes(*first), others);
        }
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(Error::InvalidModel);
        }
        let [bias, part_bias, gram, word] = numbers;
        let (grams, words) = rest.split_at_checked(SLOTS).ok_or(Error::InvalidModel)?;
        Ok(Self::new(table(grams)?, table(words)?, Parameters { bias, part_bias, gram, word }))
    }

    /// The file of the model: the same bytes for the same model.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Parameters { bias, part_bias, gram, word } = self.parameters;
        let mut bytes = MAGIC.to_vec();
        bytes.extend([bias, part_bias, gram, word].iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(self.grams.iter().chain(self.words.iter()).flat_map(|weight| weight.to_le_bytes()));
        bytes
    }

    /// A hash of the file.
    pub(crate) fn fingerprint(&self) -> String {
        let bytes: String = self.to_bytes().iter().map(|byte| char::from(*byte)).collect();
        PolicyHash::of(&bytes).to_string()
    }

    /// The weights of runs of letters, and those of words.
    pub(super) fn weights(&self) -> (&[i8], &[i8]) {
        (self.grams.as_slice(), self.words.as_slice())
    }

    /// The sums of a text that is folded to lower case.
    pub(crate) fn read(&self, folded: &str) -> Sums {
        let mut reading = Reading { model: self, sums: Sums::default() };
        features(folded, &mut reading);
        reading.sums
    }

    /// The score of a whole text.
    pub(crate) fn whole(&self, sums: Sums) -> f64 {
        logistic(self.parameters.bias + self.weighed(sums))
    }

    /// Whether z of a sentence is at least `z`.
    pub(crate) fn part_reaches(&self, sums: Sums, z: f64) -> bool {
        // Where nothing speaks for it no root need be taken.
        let speaks = |mean: Mean, step: f64| (mean.sum > 0) == (step > 0.0) && mean.sum != 0;
        let Parameters { part_bias, gram, word, .. } = self.parameters;
        let may_reach = part_bias >= z || speaks(sums.grams, gram) || speaks(sums.words, word);
        may_reach && self.part_z(sums) >= z
    }

    /// z of a sentence.
    pub(super) fn part_z(&self, sums: Sums) -> f64 {
        self.parameters.part_bias + self.weighed(sums)
    }

    /// z of a whole text.
    #[cfg(feature = "train")]
    pub(crate) fn z(&self, sums: Sums) -> f64 {
        self.parameters.bias + self.weighed(sums)
    }

    /// z without a bias.
    fn weighed(&self, sums: Sums) -> f64 {
        self.parameters.gram * sums.grams.value() + self.parameters.word * sums.words.value()
    }
}

impl fmt::Debug for LinearModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinearModel").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

/// A sentence of less is not worth an exponential: its score is under 0.12.
pub(super) const SLIGHT: f64 = -2.0;

pub(super) fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z))
}

fn table(bytes: &[u8]) -> Result<Box<[i8; SLOTS]>> {
    let weights: Box<[i8]> = bytes.iter().map(|byte| byte.cast_signed()).collect();
    weights.try_into().map_err(|_| Error::InvalidModel)
}

/// A sum of weights, to be divided by the root of how many they are.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Mean {
    pub(super) sum: i64,
    pub(super) count: u32,
}

impl Mean {
    fn add(&mut self, weight: i8) {
        self.sum += i64::from(weight);
        self.count += 1;
    }

    fn join(&mut self, more: Self) {
        self.sum += more.sum;
        self.count += more.count;
    }

    #[expect(clippy::cast_precision_loss, reason = "a text of 2^46 letters does not fit into memory")]
    fn value(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / f64::from(self.count).sqrt() }
    }
}

/// What a model adds up over a text, or over its sentences one by one.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Sums {
    grams: Mean,
    words: Mean,
    /// Whether there is a word by which somebody may threaten.
    pub(crate) alarms: bool,
}

impl Sums {
    /// What runs of letters and words add up to.
    pub(super) fn new(grams: Mean, words: Mean, alarms: bool) -> Self {
        Self { grams, words, alarms }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.words.count == 0
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.grams.join(more.grams);
        self.words.join(more.words);
        self.alarms |= more.alarms;
    }
}

struct Reading<'m> {
    model: &'m LinearModel,
    sums: Sums,
}

impl Sink for Reading<'_> {
    fn runs(&mut self, word: &Word) {
        let grams = &mut self.sums.grams;
        word.show_runs(|slot| {
            grams.add(self.model.grams.get(usize::from(slot)).copied().unwrap_or_default());
        });
    }

    fn word(&mut self, slot: u16) {
        self.sums.words.add(self.model.words.get(usize::from(slot)).copied().unwrap_or_default());
    }

    fn alarm(&mut self) {
        self.sums.alarms = true;
    }
}
