//! How the log is read: the mode in `[experiment]`, `[multiplicity]`, `[decision]` and `[segments]`.

use super::analysis::{AnalysisPlan, Mode, ShipIf, Together};
use super::plan::Attribute;
use super::read_experiment::ATTRIBUTES;
use super::reader::Section;
use crate::analysis::Spending;

#[derive(Clone, Copy, PartialEq)]
enum Named {
    Fixed,
    Sequential,
    GroupSequential,
    Bayes,
    Adaptive,
}

const MODES: [(&str, Named); 5] = [
    ("fixed", Named::Fixed),
    ("sequential", Named::Sequential),
    ("group_sequential", Named::GroupSequential),
    ("bayes", Named::Bayes),
    ("adaptive", Named::Adaptive),
];

/// The mode with the settings that it alone has.
pub(super) fn mode(experiment: &Section<'_, '_>) -> Option<Mode> {
    let named = experiment.word("mode", &MODES);
    if !experiment.has("mode") {
        let modes = MODES.map(|(word, _)| word).join(", ");
        experiment.problem_here(format!("it needs a mode, which says when one may look: {modes}"));
    }
    let n_star = experiment.count("n_star");
    let planned = experiment.count("planned_units");
    let looks = experiment.numbers("looks");
    let spending = spending(experiment);
    let prior = experiment.number_where("prior_deviation", "a number above 0", |deviation| deviation > 0.0);
    let named = named?;
    for (setting, modes) in [
        ("n_star", &[Named::Sequential, Named::Adaptive][..]),
        ("planned_units", &[Named::GroupSequential]),
        ("looks", &[Named::GroupSequential]),
        ("spending", &[Named::GroupSequential]),
        ("prior_deviation", &[Named::Bayes]),
    ] {
        if experiment.has(setting) && !modes.contains(&named) {
            let names = MODES.iter().filter(|(_, mode)| modes.contains(mode)).map(|(word, _)| *word);
            let names = names.collect::<Vec<_>>().join(" or ");
            experiment
                .problem(setting, format!("it belongs to the mode {names}; remove it or change the mode"));
        }
    }
    match named {
        Named::Fixed => Some(Mode::Fixed),
        Named::Bayes => Some(Mode::Bayes { prior_deviation: prior }),
        Named::Adaptive => Some(Mode::Adaptive { n_star }),
        Named::Sequential => {
            if !experiment.has("n_star") {
                experiment.problem_here(
                    "the mode sequential needs n_star: about how many users there will be in all variants together",
                );
            }
            Some(Mode::Sequential { n_star: n_star? })
        }
        Named::GroupSequential => {
            check_looks(experiment, looks.as_deref());
            if !experiment.has("planned_units") {
                experiment.problem_here(
                    "the mode group_sequential needs planned_units: how many users there will be",
                );
            }
            Some(Mode::GroupSequential { planned: planned?, looks: looks?, spending: spending? })
        }
    }
}

fn spending(experiment: &Section<'_, '_>) -> Option<Spending> {
    if !experiment.has("spending") {
        return Some(Spending::Power(2.0));
    }
    experiment
        .word("spending", &[("power", Spending::Power(2.0)), ("obrien_fleming", Spending::ObrienFleming)])
}

/// Each look costs an integration over those before it.
const MOST_LOOKS: usize = 20;

fn check_looks(experiment: &Section<'_, '_>, looks: Option<&[f64]>) {
    let Some(looks) = looks else {
        if !experiment.has("looks") {
            experiment.problem_here("the mode group_sequential needs looks, such as [0.25, 0.5, 0.75, 1.0]");
        }
        return;
    };
    let begins = std::iter::once(&0.0).chain(looks);
    if looks.is_empty() || !begins.zip(looks).all(|(before, look)| before < look && *look <= 1.0) {
        experiment
            .problem("looks", "they must increase from above 0 to at most 1, such as [0.25, 0.5, 0.75, 1.0]");
    }
    if looks.len() > MOST_LOOKS {
        experiment.problem(
            "looks",
            format!(
                "there are {}, more than {MOST_LOOKS}; the mode sequential is for looking often",
                looks.len()
            ),
        );
    }
}

pub(super) fn plan(
    root: &Section<'_, '_>,
    experiment: &Section<'_, '_>,
    mode: Option<Mode>,
) -> Option<AnalysisPlan> {
    let alpha = experiment.number_where("alpha", "a number between 0 and 0.5, such as 0.05", |alpha| {
        alpha > 0.0 && alpha < 0.5
    });
    let alpha = if experiment.has("alpha") { alpha } else { Some(0.05) };
    let min_units = experiment.count("min_units");
    let srm_alpha = experiment
        .number_where("srm_alpha", "a number between 0 and 0.5", |alpha| alpha > 0.0 && alpha < 0.5);
    let (goal, secondary) = multiplicity(root);
    let (min_days, ship_if) = decision(root);
    let (segments, max_levels) = segments(root, mode.as_ref());
    Some(AnalysisPlan {
        mode: mode?,
        alpha: alpha?,
        min_units: min_units.unwrap_or(100),
        goal,
        secondary,
        min_days,
        ship_if,
        srm_alpha: srm_alpha.unwrap_or(0.001),
        segments,
        max_levels,
    })
}

fn multiplicity(root: &Section<'_, '_>) -> (Together, Together) {
    let Some(section) = root.section("multiplicity") else { return (Together::Holm, Together::Bh) };
    let words = [
        ("none", Together::None),
        ("bonferroni", Together::Bonferroni),
        ("holm", Together::Holm),
        ("bh", Together::Bh),
    ];
    let (goal, secondary) = (section.word("goal", &words), section.word("secondary", &words));
    section.finish();
    (goal.unwrap_or(Together::Holm), secondary.unwrap_or(Together::Bh))
}

fn decision(root: &Section<'_, '_>) -> (f64, ShipIf) {
    let rule = ShipIf::AnyGoalBetterAndNoGuardrailWorse;
    let Some(section) = root.section("decision") else { return (0.0, rule) };
    let days = section.number_where("min_days", "a number of days of at least 0", |days| days >= 0.0);
    let ship_if = section.word(
        "ship_if",
        &[
            ("any_goal_better_and_no_guardrail_worse", rule),
            ("all_goals_better_and_no_guardrail_worse", ShipIf::AllGoalsBetterAndNoGuardrailWorse),
            ("nothing_worse", ShipIf::NothingWorse),
        ],
    );
    section.finish();
    (days.unwrap_or(0.0), ship_if.unwrap_or(rule))
}

fn segments(root: &Section<'_, '_>, mode: Option<&Mode>) -> (Vec<Attribute>, u64) {
    let Some(section) = root.section("segments") else { return (Vec::new(), 20) };
    if matches!(mode, Some(Mode::Adaptive { .. })) {
        section.problem_here("the mode adaptive does not look at parts of the users; remove it");
    }
    let (by, most) = (section.texts("by"), section.count("max_levels"));
    section.finish();
    let mut segments = Vec::new();
    for name in by.into_iter().flatten() {
        match ATTRIBUTES.iter().find(|(word, attribute)| *word == name && *attribute == Attribute::Segment) {
            Some((_, attribute)) => segments.push(*attribute),
            None => section
                .problem("by", format!("the log does not tell users apart by {name:?}; write [\"segment\"]")),
        }
    }
    segments.dedup();
    (segments, most.unwrap_or(20))
}
