//! What each model learns from, and how much each text counts.

use crate::injection::InjectionFilter;
use crate::toxicity::ToxicityFilter;

/// How a model is made.
pub(super) struct Recipe {
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) sources: &'static [Source],
    /// What else than the model gives a text a score, in the filter that uses it.
    pub(super) signal: fn(&str) -> f64,
    /// Of the penalty on the squares of the weights.
    pub(super) strength: f64,
    /// How much greater z of a sentence must be than that of a whole text for the same score.
    pub(super) part_above: f64,
    /// The share of harmless prompts that may have a score of 0.5 and more.
    pub(super) false_alarms: f64,
}

/// A file of texts.
pub(super) struct Source {
    /// Without `.jsonl`.
    pub(super) file: &'static str,
    pub(super) label: Label,
    /// How much each of its texts counts; 0 for texts that are only judged.
    pub(super) weight: f64,
    pub(super) kind: Kind,
}

/// Where labels come from.
#[derive(Clone, Copy)]
pub(super) enum Label {
    /// The number under this name.
    Named(&'static str),
    /// All texts have this one.
    All(bool),
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Texts of their own.
    Plain,
    /// A toxic text, then the same said otherwise: the two stay in one part of a cross-validation.
    Pairs,
    /// Texts with spans: the spans alone are toxic as well, and the text without them is not.
    Spans,
    /// Texts of another kind than those that the model is for, to learn from.
    Aside,
    /// Harmless prompts, which set the working point.
    Harmless,
}

const fn source(file: &'static str, label: Label, weight: f64, kind: Kind) -> Source {
    Source { file, label, weight, kind }
}

const TOXIC: Label = Label::Named("toxic");
const ATTACK: Label = Label::Named("injection");
const NOT: Label = Label::All(false);

pub(super) const RECIPES: [Recipe; 2] = [
    Recipe {
        name: "Toxicity",
        file: "toxicity.bin",
        signal: ToxicityFilter::phrases,
        sources: &[
            source("toxicity.davidson", TOXIC, 1.5, Kind::Plain),
            source("toxicity.paradetox", TOXIC, 1.0, Kind::Pairs),
            source("toxicity.surge_toxicity", TOXIC, 2.0, Kind::Plain),
            source("toxicity.oai_moderation", TOXIC, 3.0, Kind::Plain),
            source("toxicspans.toxic_spans", Label::All(true), 0.3, Kind::Spans),
            source("injection.self_instruct_user", NOT, 4.0, Kind::Harmless),
            source("injection.gsm8k_questions", NOT, 4.0, Kind::Harmless),
            source("injection.xstest_safe", NOT, 4.0, Kind::Harmless),
            source("injection.awesome_prompts", NOT, 4.0, Kind::Harmless),
            source("injection.mt_bench_questions", NOT, 4.0, Kind::Harmless),
            source("injection.cyberseceval_frr", NOT, 2.0, Kind::Harmless),
            source("toxicity.bias_madlibs", TOXIC, 0.0, Kind::Plain),
            source("toxicity.hatecheck", TOXIC, 0.0, Kind::Plain),
            source("toxicity.edos", TOXIC, 0.0, Kind::Plain),
        ],
        strength: 1e-5,
        part_above: 1.75,
        false_alarms: 0.003,
    },
    Recipe {
        name: "Injection",
        file: "injection.bin",
        signal: InjectionFilter::phrases,
        sources: &[
            source("injection.deepset_injections", ATTACK, 1.0, Kind::Plain),
            source("injection.inthewild_jailbreak", ATTACK, 1.0, Kind::Plain),
            source("injection.gptfuzz_templates", ATTACK, 1.0, Kind::Plain),
            source("injection.cyberseceval_pi", ATTACK, 1.0, Kind::Plain),
            source("injection.openai_guardrails_demo", ATTACK, 1.0, Kind::Plain),
            source("injection.self_instruct_user", ATTACK, 1.0, Kind::Harmless),
            source("injection.gsm8k_questions", ATTACK, 1.0, Kind::Harmless),
            source("injection.xstest_safe", ATTACK, 1.0, Kind::Harmless),
            source("injection.awesome_prompts", ATTACK, 1.0, Kind::Harmless),
            source("injection.mt_bench_questions", ATTACK, 1.0, Kind::Harmless),
            source("injection.cyberseceval_frr", ATTACK, 1.0, Kind::Harmless),
            source("refusal.advbench", NOT, 0.5, Kind::Aside),
            source("toxicity.oai_moderation", NOT, 0.5, Kind::Aside),
            source("toxicity.edos", NOT, 0.1, Kind::Aside),
        ],
        strength: 1e-5,
        part_above: 1.0,
        false_alarms: 0.003,
    },
];
