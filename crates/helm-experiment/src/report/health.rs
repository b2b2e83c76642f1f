//! Whether the log can be trusted at all.

use helm_core::VariantName;
use serde::Serialize;

use super::collate::{Collated, Participant};
use crate::analysis::{Answer, RatioMonitor, ratio_mismatch};
use crate::spec::{Mode, Spec};

/// One look at the log's health.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it stands.
    pub state: CheckState,
    /// What was found, in a sentence.
    pub message: String,
    /// The probability of it by chance, where there is one.
    pub p: Option<f64>,
}

/// How a check stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Nothing is wrong.
    Fine,
    /// Something should be known when reading on.
    Warning,
    /// There is too little to conclude anything.
    TooFew,
    /// Something is broken: there is no verdict.
    Failed,
}

/// Concentration of the test that holds at any time (Lindon & Malek 2020).
const CONCENTRATION: f64 = 10_000.0;
/// How often the test that holds at any time looks.
const LOOKS: usize = 1_000;

impl Check {
    pub(super) fn new(name: &'static str, state: CheckState, message: impl Into<String>) -> Self {
        Self { name, state, message: message.into(), p: None }
    }

    pub(super) fn with_p(mut self, p: f64) -> Self {
        self.p = Some(p);
        self
    }
}

pub(super) fn checks(spec: &Spec, collated: &Collated<'_>) -> Vec<Check> {
    let mut checks = vec![too_few(spec, collated)];
    // Of users dealt under other shares nothing can be said.
    let dealt: Vec<_> = collated.users.iter().filter(|user| user.has_share).collect();
    checks.push(ratio(spec, &dealt));
    checks.push(ratio_at_any_time(spec, &dealt));
    if dealt.len() < collated.users.len() {
        let others = collated.users.len() - dealt.len();
        let message = format!(
            "{others} users were dealt under other shares than now; the sample ratio is tested without them"
        );
        checks.push(Check::new("shares", CheckState::Warning, message));
    }
    checks.push(mixed(collated));
    checks.push(outcomes(spec, collated, &dealt));
    checks.push(specification(collated));
    checks.extend(left_out(collated));
    checks
}

/// Of users that were played under every variant.
pub(super) fn pair_checks(spec: &Spec, collated: &Collated<'_>) -> Vec<Check> {
    let mut checks = vec![too_few(spec, collated), specification(collated)];
    if collated.incomplete > 0 {
        let message =
            format!("{} users were not played under every variant and are left out", collated.incomplete);
        checks.push(Check::new("incomplete_users", CheckState::Warning, message));
    }
    checks.extend(left_out(collated));
    checks
}

fn too_few(spec: &Spec, collated: &Collated<'_>) -> Check {
    let least = spec.plan().min_units;
    let counts = counts(spec, collated.users.iter());
    let told = told(spec, &counts);
    if counts.iter().any(|count| *count < least) {
        let message = format!("{told}; each variant needs {least}");
        return Check::new("users", CheckState::TooFew, message);
    }
    Check::new("users", CheckState::Fine, told)
}

fn counts<'a, 'b: 'a>(spec: &Spec, users: impl Iterator<Item = &'a Participant<'b>>) -> Vec<u64> {
    let mut counts = vec![0; spec.variants().len()];
    for user in users {
        if let Some(count) = counts.get_mut(user.arm) {
            *count += 1;
        }
    }
    counts
}

/// How many users each variant has.
fn told(spec: &Spec, counts: &[u64]) -> String {
    let each = spec.variants().iter().zip(counts).map(|(variant, count)| format!("{} {count}", variant.name));
    each.collect::<Vec<_>>().join(", ")
}

fn weights(spec: &Spec) -> Vec<f64> {
    spec.variants().iter().map(|variant| variant.weight.get()).collect()
}

fn ratio(spec: &Spec, dealt: &[&Participant<'_>]) -> Check {
    let check = judged(
        spec,
        "sample_ratio",
        &counts(spec, dealt.iter().copied()),
        "users are split as the weights say",
    );
    // Whoever looks again and again finds something at some look; there, the test for any time decides.
    if is_sequential(spec) && check.state == CheckState::Failed {
        let message = format!("{}; at one look alone, so what holds at any time decides", check.message);
        return Check { state: CheckState::Warning, message, ..check };
    }
    check
}

/// Whether the log may be looked at after every user.
fn is_sequential(spec: &Spec) -> bool {
    matches!(spec.plan().mode, Mode::Sequential { .. })
}

/// Counts against weights; below the specification's level they are no accident.
fn judged(spec: &Spec, name: &'static str, counts: &[u64], fine: &str) -> Check {
    match ratio_mismatch(counts, &weights(spec)) {
        Ok(found) => split(spec, name, counts, found.p, fine),
        Err(refusal) => Check::new(name, CheckState::TooFew, refusal.to_string()),
    }
}

/// How users are split, by how probable that is by chance.
fn split(spec: &Spec, name: &'static str, counts: &[u64], p: f64, fine: &str) -> Check {
    let check = if p < spec.plan().srm_alpha {
        let told = told(spec, counts);
        let message = format!(
            "users: {told}: not what the weights say; something loses or duplicates users of a variant"
        );
        Check::new(name, CheckState::Failed, message)
    } else {
        Check::new(name, CheckState::Fine, fine)
    };
    check.with_p(p)
}

fn ratio_at_any_time(spec: &Spec, dealt: &[&Participant<'_>]) -> Check {
    const NAME: &str = "sample_ratio_at_any_time";
    if dealt.is_empty() {
        return Check::new(NAME, CheckState::TooFew, "there are no users");
    }
    match monitored(spec, dealt) {
        Ok(p) if p < spec.plan().srm_alpha => {
            let message = "at some time users were not split as the weights say";
            Check::new(NAME, CheckState::Failed, message).with_p(p)
        }
        Ok(p) => {
            Check::new(NAME, CheckState::Fine, "users were split as the weights say at all times").with_p(p)
        }
        Err(refusal) => Check::new(NAME, CheckState::TooFew, refusal.to_string()),
    }
}

fn monitored(spec: &Spec, dealt: &[&Participant<'_>]) -> Answer<f64> {
    let mut monitor = RatioMonitor::new(&weights(spec), CONCENTRATION)?;
    let mut p = 1.0;
    for part in dealt.chunks(dealt.len().div_ceil(LOOKS).max(1)) {
        p = monitor.add(&counts(spec, part.iter().copied()))?;
    }
    Ok(p)
}

fn mixed(collated: &Collated<'_>) -> Check {
    const SHOWN: usize = 5;
    let count = collated.mixed.len();
    if count == 0 {
        return Check::new("mixed_users", CheckState::Fine, "nobody was in two variants");
    }
    let first = collated.mixed.iter().take(SHOWN).map(|user| user.as_str());
    let more = if count > SHOWN { ", …" } else { "" };
    let all = count + collated.users.len();
    let message = format!(
        "{count} of {all} users were in more than one variant and are left out: {}{more}",
        first.collect::<Vec<_>>().join(", ")
    );
    // More than one in a hundred is no slip.
    let state = if count * 100 > all { CheckState::Failed } else { CheckState::Warning };
    Check::new("mixed_users", state, message)
}

/// Whether users without any reward are as many in each variant.
fn outcomes(spec: &Spec, collated: &Collated<'_>, dealt: &[&Participant<'_>]) -> Check {
    const NAME: &str = "missing_outcomes";
    let has_reward = |user: &&Participant<'_>| user.turns.iter().any(|turn| turn.reward.is_some());
    let all: Vec<_> = collated.users.iter().collect();
    let with: Vec<_> = all.iter().copied().filter(has_reward).collect();
    if with.is_empty() {
        return Check::new(NAME, CheckState::Warning, "no turn has a reward yet");
    }
    let rewarded = counts(spec, with.iter().copied());
    let check = if dealt.len() < all.len() {
        // Users of other shares came in other proportions; what can be told is whether as many of each variant have one.
        match evenly(&rewarded, &counts(spec, all.iter().copied())) {
            Ok(p) => split(spec, NAME, &rewarded, p, ""),
            Err(refusal) => Check::new(NAME, CheckState::TooFew, refusal.to_string()),
        }
    } else if is_sequential(spec) {
        match monitored(spec, &with) {
            Ok(p) => split(spec, NAME, &rewarded, p, ""),
            Err(refusal) => Check::new(NAME, CheckState::TooFew, refusal.to_string()),
        }
    } else {
        judged(spec, NAME, &rewarded, "")
    };
    if check.state != CheckState::Fine {
        let message = format!("with a reward are {}", check.message);
        return Check { message, ..check };
    }
    let missing = all.len() - with.len();
    Check {
        message: format!("{missing} of {} users have no reward, in all variants alike", all.len()),
        ..check
    }
}

/// The probability of so uneven parts of the arms by chance: χ² of a table of two columns. 1 where everybody is in the part.
fn evenly(part: &[u64], all: &[u64]) -> Answer<f64> {
    let weights: Vec<f64> = all.iter().map(|count| *count as f64).collect();
    let found = ratio_mismatch(part, &weights)?;
    let (with, total) = (part.iter().sum::<u64>() as f64, weights.iter().sum::<f64>());
    if with >= total {
        return Ok(1.0);
    }
    // What the other column adds.
    let both = found.chi_squared * total / (total - with);
    Ok(helm_numerics::chi_squared::sf(both, f64::from(found.dof.max(1))))
}

fn specification(collated: &Collated<'_>) -> Check {
    const NAME: &str = "specification";
    if !collated.unknown_variants.is_empty() {
        let names = collated.unknown_variants.iter().copied().collect::<Vec<_>>().join(", ");
        let message = format!(
            "the log has variants that the specification has not: {names}; raise its version when variants change"
        );
        return Check::new(NAME, CheckState::Failed, message);
    }
    match collated.other_specs {
        0 => Check::new(NAME, CheckState::Fine, "the log was made under this specification"),
        count => {
            let message = format!(
                "{count} exposures were logged under another specification of the same version; raise the version when it changes"
            );
            Check::new(NAME, CheckState::Failed, message)
        }
    }
}

/// What is not in the figures, and why.
fn left_out(collated: &Collated<'_>) -> Vec<Check> {
    let counts = [
        (
            collated.duplicates,
            CheckState::Warning,
            "duplicates",
            "turns stand more than once in the log and count once",
        ),
        (
            collated.forced,
            CheckState::Fine,
            "forced_users",
            "users are forced by the specification and left out",
        ),
        (
            collated.pinned,
            CheckState::Fine,
            "pinned_turns",
            "turns named their strategy themselves and are left out",
        ),
        (
            collated.other_versions,
            CheckState::Fine,
            "other_versions",
            "exposures to other versions are left out",
        ),
    ];
    let some = counts.into_iter().filter(|(count, ..)| *count > 0);
    some.map(|(count, state, name, what)| Check::new(name, state, format!("{count} {what}"))).collect()
}

/// How many users each variant has.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct VariantUsers {
    /// The variant.
    pub variant: VariantName,
    /// The share it should have.
    pub weight: f64,
    /// Users that are analysed; of the mode adaptive, decisions.
    pub users: u64,
    /// Their turns.
    pub turns: u64,
}

pub(super) fn variant_users(spec: &Spec, collated: &Collated<'_>) -> Vec<VariantUsers> {
    let of = |(arm, variant): (usize, &crate::spec::SpecVariant)| {
        let own = || collated.users.iter().filter(|user| user.arm == arm);
        VariantUsers {
            variant: variant.name.clone(),
            weight: variant.weight.get(),
            users: own().count() as u64,
            turns: own().map(|user| user.turns.len() as u64).sum(),
        }
    };
    spec.variants().iter().enumerate().map(of).collect()
}
