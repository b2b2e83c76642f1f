use helm_core::{ExperimentKey, SpecDigest, TaskId, Timestamp, VariantName};
use serde::Serialize;
use toml::de::DeTable;

use super::analysis::{AnalysisPlan, Mode};
use super::metric::Metric;
use super::plan::{Assigning, SpecVariant};
use super::problem::SpecProblems;
use super::reader::{Reader, Section};
use super::{read_analysis, read_experiment, read_metric};

/// A checked experiment.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Spec {
    key: ExperimentKey,
    version: u32,
    task: TaskId,
    is_aa: bool,
    variants: Vec<SpecVariant>,
    pub(crate) assigning: Assigning,
    metrics: Vec<Metric>,
    plan: AnalysisPlan,
    digest: SpecDigest,
}

impl Spec {
    /// Reads a specification.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its line and column.
    pub fn from_toml(text: &str) -> Result<Self, SpecProblems> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let reader = Reader::new(text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            reader.problem(at, "", error.message().trim_end());
        }
        // What follows a mistake of syntax is guessed.
        let spec =
            if errors.is_empty() { Self::read(&Section::root(&reader, table.get_ref())) } else { None };
        match (spec, reader.into_problems()) {
            (Some(spec), problems) if problems.is_empty() => Ok(spec),
            (_, problems) => Err(SpecProblems(problems)),
        }
    }

    fn read(root: &Section<'_, '_>) -> Option<Self> {
        let Some(experiment) = root.section("experiment") else {
            if !root.has("experiment") {
                root.problem("experiment", "there is no [experiment]; it holds at least key, task and mode");
            }
            return None;
        };
        let key: Option<ExperimentKey> = experiment.parsed("key");
        let task = experiment.parsed("task");
        let version = version(&experiment);
        experiment.word("unit", &[("user", ())]);
        for setting in ["key", "task"] {
            if !experiment.has(setting) {
                experiment.problem_here(format!("it needs a {setting}"));
            }
        }
        let mode = read_analysis::mode(&experiment);
        let is_adaptive = matches!(mode, Some(Mode::Adaptive { .. }));
        let variants = read_experiment::variants(root, &experiment, is_adaptive);
        let salt = key.as_ref().map_or_else(String::new, |key| salt(key, version));
        let assigning = read_experiment::assigning(root, &experiment, salt);
        check_forced(root, &assigning, &variants);
        let metrics = read_metric::metrics(root, &experiment, mode.as_ref());
        let plan = read_analysis::plan(root, &experiment, mode);
        let is_aa = experiment.flag("aa").unwrap_or(false);
        experiment.finish();
        root.finish();
        let (key, task, plan) = (key?, task?, plan?);
        let digest = digest((&key, version, &task), &variants, &assigning, &plan);
        Some(Self { key, version, task, is_aa, variants, assigning, metrics, plan, digest })
    }

    pub(super) fn of(
        key: ExperimentKey,
        task: TaskId,
        variants: Vec<SpecVariant>,
        assigning: Assigning,
        metrics: Vec<Metric>,
        plan: AnalysisPlan,
    ) -> Option<Self> {
        let (first, version) = (variants.first()?, 1);
        let is_aa = variants.iter().all(|variant| variant.treatment == first.treatment);
        let digest = digest((&key, version, &task), &variants, &assigning, &plan);
        Some(Self { key, version, task, is_aa, variants, assigning, metrics, plan, digest })
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &ExperimentKey {
        &self.key
    }

    /// Raised whenever what a variant gets changes: users are dealt anew, and older turns are left out.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The task whose turns it is about.
    #[must_use]
    pub const fn task(&self) -> &TaskId {
        &self.task
    }

    /// Whether all variants get the same, to see whether the machinery finds nothing.
    #[must_use]
    pub const fn is_aa(&self) -> bool {
        self.is_aa
    }

    /// When it begins; `None` for at once.
    #[must_use]
    pub const fn start(&self) -> Option<Timestamp> {
        self.assigning.start
    }

    /// When it is over; `None` for never.
    #[must_use]
    pub const fn end(&self) -> Option<Timestamp> {
        self.assigning.end
    }

    /// Whether users keep their first variant when shares change.
    #[must_use]
    pub const fn is_sticky(&self) -> bool {
        self.assigning.sticky
    }

    /// The variants, in the order they were written.
    #[must_use]
    pub fn variants(&self) -> &[SpecVariant] {
        &self.variants
    }

    /// The variant of this name.
    #[must_use]
    pub fn variant(&self, name: &VariantName) -> Option<&SpecVariant> {
        self.variants.iter().find(|variant| variant.name == *name)
    }

    /// The variant that the others are compared with.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a checked specification has at least two variants")]
    pub fn control(&self) -> &SpecVariant {
        self.variants.iter().find(|variant| variant.control).unwrap_or(&self.variants[0])
    }

    /// What is compared.
    #[must_use]
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// How the log is read.
    #[must_use]
    pub const fn plan(&self) -> &AnalysisPlan {
        &self.plan
    }

    /// The same, to be played offline: everybody gets this variant at all times, or with `None` the one of their hash, and
    /// no days are waited for.
    /// The digest stays, so what is logged is read as the experiment's.
    #[must_use]
    pub fn offline(&self, only: Option<&VariantName>) -> Self {
        let mut other = self.clone();
        let Assigning { salt, hash, .. } = other.assigning;
        other.assigning = Assigning { only: only.cloned(), ..Assigning::everybody(salt, hash) };
        other.plan.min_days = 0.0;
        other
    }

    /// The same, to be read in another mode.
    pub(crate) fn with_mode(&self, mode: Mode) -> Self {
        let mut other = self.clone();
        other.plan.mode = mode;
        other
    }

    /// What must stay as it is while it runs, in short: the first 16 hexadecimal digits of SHA-256 over key, version,
    /// task, variants, the way users are dealt, mode and level. Decisions log it, so a report sees whether the log was
    /// made under another specification of the same version. The ramp may go on, and the weights of a sticky experiment
    /// may change.
    #[must_use]
    pub const fn digest(&self) -> &SpecDigest {
        &self.digest
    }
}

fn digest(
    fixed: (&ExperimentKey, u32, &TaskId),
    variants: &[SpecVariant],
    assigning: &Assigning,
    plan: &AnalysisPlan,
) -> SpecDigest {
    let weight = |variant: &SpecVariant| (!assigning.sticky).then_some(variant.weight);
    let variants: Vec<_> =
        variants.iter().map(|own| (&own.name, weight(own), own.control, &own.treatment)).collect();
    let Assigning { salt, hash, namespace, holdout, .. } = assigning;
    let text = serde_json::json!([fixed, variants, salt, hash, namespace, holdout, &plan.mode, plan.alpha]);
    SpecDigest::of(&text.to_string())
}

/// What is hashed with units. The first version has the key alone, as experiments without a specification do.
fn salt(key: &ExperimentKey, version: u32) -> String {
    if version == 1 { key.to_string() } else { format!("{key}/{version}") }
}

fn version(experiment: &Section<'_, '_>) -> u32 {
    let version = experiment.count("version").unwrap_or(1);
    u32::try_from(version).unwrap_or_else(|_| {
        experiment.problem("version", "write a whole number below 4294967296");
        1
    })
}

fn check_forced(root: &Section<'_, '_>, assigning: &Assigning, variants: &[SpecVariant]) {
    let Some(force) = root.section("targeting").and_then(|section| section.section("force")) else { return };
    for (user, variant) in &assigning.force {
        if !variants.is_empty() && !variants.iter().any(|own| own.name == *variant) {
            let known = variants.iter().map(|own| own.name.as_str()).collect::<Vec<_>>().join(", ");
            force.problem(user.as_str(), format!("there is no variant {variant}; there are: {known}"));
        }
    }
}
