//! `[experiment]`, `[[variant]]`, `[[ramp]]` and `[targeting]`.

use std::collections::{BTreeMap, BTreeSet};

use helm_core::{Probability, StrategyName, UserId, VariantName};

use super::plan::{
    Assigning, Attribute, Condition, Hash, Holdout, Namespace, RampStep, SpecVariant, Treatment,
};
use super::reader::Section;

/// A share of users.
pub(super) fn is_share(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}

pub(super) const ATTRIBUTES: [(&str, Attribute); 2] =
    [("segment", Attribute::Segment), ("user", Attribute::User)];

/// What stands in `[experiment]` of assigning, with the ramp and the targeting beside it.
pub(super) fn assigning(root: &Section<'_, '_>, experiment: &Section<'_, '_>, salt: String) -> Assigning {
    let hash = experiment.word(
        "hash",
        &[("helm", Hash::Helm), ("growthbook_v1", Hash::GrowthbookV1), ("growthbook_v2", Hash::GrowthbookV2)],
    );
    let (start, end) = (experiment.moment("start"), experiment.moment("end"));
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        experiment.problem("end", "it must be later than start");
    }
    let (all, force) = targeting(root);
    Assigning {
        salt: experiment.text("salt").map_or(salt, str::to_owned),
        hash: hash.unwrap_or_default(),
        namespace: experiment.section("namespace").and_then(|section| namespace(&section)),
        holdout: experiment.section("holdout").and_then(|section| holdout(&section)),
        start,
        end,
        ramp: ramp(root),
        all,
        force,
        sticky: experiment.flag("sticky").unwrap_or(false),
        only: None,
    }
}

fn namespace(section: &Section<'_, '_>) -> Option<Namespace> {
    let (id, range) = (section.text("id"), section.numbers("range"));
    section.finish();
    if id.is_none() && !section.has("id") {
        section.problem_here("it needs an id, the name of the space");
    }
    let range = match range.as_deref() {
        Some([from, to]) if 0.0 <= *from && from < to && *to <= 1.0 => Some((*from, *to)),
        Some(_) => {
            section
                .problem("range", "write where the part begins and ends between 0 and 1, such as [0.0, 0.5]");
            None
        }
        None => {
            if !section.has("range") {
                section.problem_here("it needs a range, such as [0.0, 0.5]");
            }
            None
        }
    };
    Some(Namespace { id: id?.to_owned(), range: range? })
}

fn holdout(section: &Section<'_, '_>) -> Option<Holdout> {
    let key = section.text("key");
    let share =
        section.number_where("share", "a share above 0 and below 1", |share| share > 0.0 && share < 1.0);
    section.finish();
    for setting in ["key", "share"] {
        if !section.has(setting) {
            section.problem_here(format!("it needs a {setting}: write {{ key = \"global\", share = 0.05 }}"));
        }
    }
    Some(Holdout { key: key?.to_owned(), share: share? })
}

fn ramp(root: &Section<'_, '_>) -> Vec<RampStep> {
    let mut steps: Vec<RampStep> = Vec::new();
    for section in root.sections("ramp") {
        let from = section.moment("from");
        let coverage = section.number_where("coverage", "a share above 0 and at most 1", is_share);
        section.finish();
        for setting in ["from", "coverage"] {
            if !section.has(setting) {
                section.problem_here(format!("it needs {setting}"));
            }
        }
        let (Some(from), Some(coverage)) = (from, coverage) else { continue };
        if let Some(last) = steps.last() {
            if last.from >= from {
                section.problem(
                    "from",
                    "steps follow each other: it must be later than that of the step before",
                );
            }
            if last.coverage > coverage {
                section.problem(
                    "coverage",
                    "it must not fall: users who take part would drop out; set end instead",
                );
            }
        }
        steps.push(RampStep { from, coverage });
    }
    steps
}

fn targeting(root: &Section<'_, '_>) -> (Vec<Condition>, BTreeMap<UserId, VariantName>) {
    let Some(section) = root.section("targeting") else { return Default::default() };
    let all = section.sections("all").iter().filter_map(condition).collect();
    let mut force = BTreeMap::new();
    if let Some(forced) = section.section("force") {
        for (user, variant) in forced.entries() {
            let read = UserId::new(user).map_err(|error| error.to_string()).and_then(|user| {
                let variant = variant.ok_or("write the name of a variant in quotes")?;
                Ok((user, VariantName::new(variant).map_err(|error| error.to_string())?))
            });
            match read {
                Ok((user, variant)) => drop(force.insert(user, variant)),
                Err(message) => forced.problem(user, message),
            }
        }
    }
    section.finish();
    (all, force)
}

fn condition(section: &Section<'_, '_>) -> Option<Condition> {
    let attribute = section.word("attr", &ATTRIBUTES);
    let is_in = section.word("op", &[("in", true), ("not_in", false)]);
    let values = section.texts("value");
    section.finish();
    for setting in ["attr", "op", "value"] {
        if !section.has(setting) {
            section.problem_here(format!(
                "it needs {setting}: write {{ attr = \"segment\", op = \"in\", value = [\"beta\"] }}"
            ));
        }
    }
    if values.as_ref().is_some_and(Vec::is_empty) {
        section
            .problem("value", "the list is empty, so the condition says nothing; write at least one value");
    }
    let values = values?.into_iter().map(str::to_owned).collect();
    Some(Condition { attribute: attribute?, is_in: is_in?, values })
}

/// The variants, and what is wrong with them together.
pub(super) fn variants(
    root: &Section<'_, '_>,
    experiment: &Section<'_, '_>,
    is_adaptive: bool,
) -> Vec<SpecVariant> {
    let sections = root.sections("variant");
    if sections.len() < 2 {
        experiment.problem_here("there must be at least two [[variant]] tables, one of them the control");
    }
    let read: Vec<_> = sections.iter().map(|section| (section, variant(section))).collect();
    let found = || read.iter().filter_map(|(section, variant)| Some((*section, variant.as_ref()?)));
    let mut names = BTreeSet::new();
    for (section, variant) in found() {
        if !names.insert(&variant.name) {
            section
                .problem("key", format!("there is another variant {}; give each its own key", variant.name));
        }
        if is_adaptive && !matches!(variant.treatment, Treatment::Strategy(_)) {
            section.problem_here("in the mode adaptive each variant names the strategy that it stands for");
        }
    }
    let is_whole = read.iter().all(|(_, variant)| variant.is_some());
    if is_whole && sections.len() >= 2 {
        check_weights(experiment, found().map(|(_, variant)| variant));
        check_control(&sections, found().map(|(_, variant)| variant));
        check_treatments(experiment, &found().collect::<Vec<_>>());
    } else {
        // Asked for, so that it counts as known.
        experiment.flag("aa");
    }
    read.into_iter().filter_map(|(_, variant)| variant).collect()
}

fn variant(section: &Section<'_, '_>) -> Option<SpecVariant> {
    let name = section.parsed("key");
    let weight =
        section.number_where("weight", "a share above 0 and below 1", |weight| weight > 0.0 && weight < 1.0);
    let weight = weight.and_then(|weight| Probability::new(weight).ok());
    let control = section.flag("control").unwrap_or(false);
    let treatment = treatment(section);
    section.finish();
    for setting in ["key", "weight"] {
        if !section.has(setting) {
            section.problem_here(format!("it needs a {setting}"));
        }
    }
    Some(SpecVariant { name: name?, weight: weight?, control, treatment: treatment? })
}

fn treatment(section: &Section<'_, '_>) -> Option<Treatment> {
    let strategy = section.parsed::<StrategyName>("strategy");
    let strategies = section.texts("strategies");
    let policy = section.section("policy");
    if section.has("strategy") {
        if section.has("strategies") || section.has("policy") {
            let message = "a strategy leaves nothing to choose: remove it, or strategies and policy";
            section.problem("strategy", message);
        }
        return Some(Treatment::Strategy(strategy?));
    }
    if let Some(policy) = &policy
        && !policy.has("kind")
    {
        policy.problem_here("it needs a kind, such as { kind = \"thompson\" }");
    }
    let mut names = Vec::new();
    for name in strategies.iter().flatten() {
        match StrategyName::new(name) {
            Ok(name) if !names.contains(&name) => names.push(name),
            Ok(name) => section.problem("strategies", format!("{name} stands there twice")),
            Err(error) => section.problem("strategies", error.to_string()),
        }
    }
    if section.has("strategies") && strategies.as_ref().is_some_and(|names| names.len() < 2) {
        section.problem("strategies", "name at least two to choose among; of one, write strategy = \"NAME\"");
    }
    Some(Treatment::Policy { strategies: names, policy: policy.map(|policy| policy.as_json()) })
}

fn check_weights<'a>(experiment: &Section<'_, '_>, variants: impl Iterator<Item = &'a SpecVariant>) {
    let sum: f64 = variants.map(|variant| variant.weight.get()).sum();
    if (sum - 1.0).abs() > 1e-9 {
        // As people add: what is lost in floating point says nothing to them.
        let sum = (sum * 1e9).round() / 1e9;
        experiment.problem_here(format!("the variants' weights must sum to 1, and sum to {sum}"));
    }
}

fn check_control<'a>(sections: &[Section<'_, '_>], variants: impl Iterator<Item = &'a SpecVariant>) {
    let controls: Vec<usize> =
        variants.enumerate().filter(|(_, variant)| variant.control).map(|(index, _)| index).collect();
    match controls.as_slice() {
        [_] => {}
        [] => {
            if let Some(first) = sections.first() {
                first.problem_here("no variant is the control; write control = true in one of them");
            }
        }
        [_, more @ ..] => {
            for section in more.iter().filter_map(|index| sections.get(*index)) {
                section.problem("control", "another variant is the control already; there is one");
            }
        }
    }
}

fn check_treatments(experiment: &Section<'_, '_>, variants: &[(&Section<'_, '_>, &SpecVariant)]) {
    let is_aa = experiment.flag("aa").unwrap_or(false);
    let Some((_, first)) = variants.first() else { return };
    if is_aa {
        if variants.iter().any(|(_, variant)| variant.treatment != first.treatment) {
            experiment
                .problem("aa", "an A/A test gives all variants the same; make them the same or remove aa");
        }
        return;
    }
    for (index, (section, variant)) in variants.iter().enumerate() {
        let earlier = variants.iter().take(index).map(|(_, earlier)| *earlier);
        for earlier in earlier {
            if earlier.treatment == variant.treatment {
                section.problem_here(format!(
                    "it gives the same as {}; an A/A test says so with aa = true in [experiment]",
                    earlier.name
                ));
            } else if earlier.treatment.shares_state_with(&variant.treatment) {
                section.problem_here(format!(
                    "its policy and that of {} choose among the same strategies, so each would learn from the other's users; \
                     give each strategies of its own, the same ones under another name",
                    earlier.name
                ));
            }
        }
    }
}
