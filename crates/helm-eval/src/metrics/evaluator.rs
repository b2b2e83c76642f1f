use helm_core::{EvaluatorName, NotScored, ScoreOutcome};

use super::{NumericTolerance, chrf, exact_match, numeric_match, rouge_l, sentence_bleu};
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::evaluators::scored;
use crate::exchange::Exchange;
use crate::needs::{Need, Needs};

#[derive(Clone, Copy, Debug)]
enum Metric {
    Chrf,
    Bleu,
    RougeL,
    Exact,
    Numeric(NumericTolerance),
}

/// How close is the answer to the reference? An evaluator of one metric, which needs a
/// [reference](Exchange::reference).
///
/// | constructor | name | value | fails on |
/// |---|---|---|---|
/// | [`chrf`](Self::chrf) | `chrf` | [`chrf`](super::chrf()) | right answers in other words |
/// | [`bleu`](Self::bleu) | `bleu` | [`sentence_bleu`] | short answers |
/// | [`rouge_l`](Self::rouge_l) | `rouge_l` | [`rouge_l`](super::rouge_l()), its F1 | other scripts: not scored |
/// | [`exact`](Self::exact) | `exact` | 1 or 0, [`exact_match`] | anything but closed questions |
/// | [`numeric`](Self::numeric) | `numeric` | 1 or 0, [`numeric_match`] | answers that do not end with their result |
///
/// ```
/// use helm_eval::{Exchange, Heuristic, metrics::Reference};
///
/// let exchange = Exchange::new("The capital of France?", "Paris.").with_reference("paris");
/// let score = Reference::exact()?.measure(&exchange);
/// assert_eq!(score.score().map(|score| score.value.get()), Some(1.0));
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reference {
    name: EvaluatorName,
    metric: Metric,
}

impl Reference {
    fn new(name: &str, metric: Metric) -> Result<Self> {
        Ok(Self { name: EvaluatorName::new(name)?, metric })
    }

    /// The evaluator `chrf`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken; so for the others.
    pub fn chrf() -> Result<Self> {
        Self::new("chrf", Metric::Chrf)
    }

    /// The evaluator `bleu`.
    ///
    /// # Errors
    ///
    /// As [`chrf`](Self::chrf).
    pub fn bleu() -> Result<Self> {
        Self::new("bleu", Metric::Bleu)
    }

    /// The evaluator `rouge_l`.
    ///
    /// # Errors
    ///
    /// As [`chrf`](Self::chrf).
    pub fn rouge_l() -> Result<Self> {
        Self::new("rouge_l", Metric::RougeL)
    }

    /// The evaluator `exact`.
    ///
    /// # Errors
    ///
    /// As [`chrf`](Self::chrf).
    pub fn exact() -> Result<Self> {
        Self::new("exact", Metric::Exact)
    }

    /// The evaluator `numeric`.
    ///
    /// # Errors
    ///
    /// As [`chrf`](Self::chrf).
    pub fn numeric(tolerance: NumericTolerance) -> Result<Self> {
        Self::new("numeric", Metric::Numeric(tolerance))
    }
}

impl Heuristic for Reference {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn needs(&self) -> Needs {
        Needs::of(&[Need::Reference])
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        let Some(reference) = exchange.reference else {
            return ScoreOutcome::NotScored(NotScored::Missing(Need::Reference.to_string()));
        };
        let not_applicable = |why: &str| ScoreOutcome::NotScored(NotScored::NotApplicable(why.to_owned()));
        let answer = exchange.response;
        let as_number = |matches: bool| if matches { 1.0 } else { 0.0 };
        // Closeness in letters says less of quality than a match does.
        let (value, confidence) = match self.metric {
            Metric::Chrf => (chrf(answer, reference), 0.7),
            Metric::Bleu => (sentence_bleu(answer, reference), 0.5),
            Metric::RougeL if !reference.contains(|char: char| char.is_ascii_alphanumeric()) => {
                return not_applicable("the reference has no words of Latin letters");
            }
            Metric::RougeL => (rouge_l(answer, reference).f1, 0.6),
            Metric::Exact => (as_number(exact_match(answer, reference)), 1.0),
            Metric::Numeric(tolerance) => match numeric_match(answer, reference, tolerance) {
                Some(matches) => (as_number(matches), 1.0),
                None => return not_applicable("the reference has no number"),
            },
        };
        scored(value, confidence, || format!("{} of the reference is {value:.2}", self.name))
    }
}
