use super::borrowed::borrowed;
use super::data::{Half, Row};
use super::fit::{self, Pair};
use super::interval::{Tested, accuracy, calibration, estimate, mean_of_true, rank_agreement, separation};
use super::learned::{self, FewRatings};
use super::{relevance, standard};
use crate::error::Result;
use crate::model::{Head, Placed};
use crate::stats::{Conformal, Estimate};
use crate::view::Signals;

/// One line of the report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// How many rows or pairs it is of.
    pub rows: usize,
    /// Its value and the 95 % interval over requests; of means over draws there is no interval.
    pub value: Estimate,
    /// From and to what it should be.
    pub bar: (f64, f64),
    /// What else is to be known.
    pub note: String,
}

impl Figure {
    fn new(name: impl Into<String>, tested: &[Tested], value: Estimate, bar: (f64, f64)) -> Self {
        Self { name: name.into(), rows: tested.len(), value, bar, note: String::new() }
    }

    /// Whether the value is where it should be.
    #[must_use]
    pub fn is_met(&self) -> bool {
        (self.bar.0..=self.bar.1).contains(&self.value.value)
    }
}

const HALVES: [Half; 2] = [Half::First, Half::Second];

fn within(rows: &[Row], half: Half) -> Vec<&Row> {
    rows.iter().filter(|row| row.half() == half).collect()
}

fn of_sources(rows: &[Row], is: impl Fn(&str) -> bool) -> Vec<Row> {
    rows.iter().filter(|row| is(&row.source)).cloned().collect()
}

/// All figures that the data allow, in the order of the report. A data set that is not there has no line.
///
/// # Errors
///
/// Fails when a data set that is there is too small to be halved.
pub fn figures(rows: &[Row]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let has = |source: &str| rows.iter().any(|row| row.source == source);
    let mut intervals = Vec::new();
    if has("usr_topicalchat") {
        conversation(&of_sources(rows, |source| source == "usr_topicalchat"), &mut figures, &mut intervals)?;
    }
    if rows.iter().any(|row| row.pair.is_some()) {
        pairs(rows, &mut figures)?;
    }
    if rows.iter().any(|row| row.source.starts_with("begin_")) {
        grounded(&of_sources(rows, |source| source.starts_with("begin_")), &mut figures, &mut intervals)?;
    }
    if has("xstest") {
        let rows = of_sources(rows, |source| source == "xstest");
        let tested = by_halves(&rows, fit::compliance, Placed::level, |row| row.rated("compliance"))?;
        let value = estimate(&tested, rank_agreement)?;
        figures.push(Figure::new("XSTest compliance, Spearman", &tested, value, (0.75, 1.0)));
        intervals.extend(tested);
    }
    standard_reward(rows, &mut figures)?;
    relevant(rows, &mut figures)?;
    if !intervals.is_empty() {
        coverage(&intervals, &mut figures)?;
    }
    Ok(figures)
}

/// Tests each half with a head that was fitted on the other.
fn by_halves(
    rows: &[Row],
    fit: impl Fn(&[&Row]) -> Result<Head>,
    value: fn(&Placed, &Signals) -> f64,
    truth: impl Fn(&Row) -> Option<f64>,
) -> Result<Vec<Tested>> {
    let mut tested = Vec::new();
    for (number, half) in HALVES.into_iter().enumerate() {
        let head = fit(&within(rows, half.other()))?.place();
        tested.extend(within(rows, half).into_iter().filter_map(|row| {
            Some(Tested {
                group: row.source.clone(),
                request: row.request,
                fit: number,
                value: value(&head, &row.signals),
                truth: truth(row)?,
            })
        }));
    }
    Ok(tested)
}

fn conversation(rows: &[Row], figures: &mut Vec<Figure>, intervals: &mut Vec<Tested>) -> Result<()> {
    let mut tested = Vec::new();
    for (number, half) in HALVES.into_iter().enumerate() {
        let linear = learned::conversation(&within(rows, half.other()))?;
        tested.extend(within(rows, half).into_iter().filter_map(|row| {
            Some(Tested {
                group: row.source.clone(),
                request: row.request,
                fit: number,
                value: linear.rating(row),
                truth: row.rated("overall")?,
            })
        }));
    }
    let value = estimate(&tested, rank_agreement)?;
    figures.push(Figure::new("Topical-Chat overall, Spearman", &tested, value, (0.63, 1.0)));
    let from_zero = |rating: f64| (rating - 1.0) / 4.0;
    intervals.extend(tested.into_iter().map(|row| Tested {
        value: from_zero(row.value),
        truth: from_zero(row.truth),
        ..row
    }));
    let all: Vec<&Row> = rows.iter().collect();
    let tested = learned::unseen_strategies(&all)?;
    let value = estimate(&tested, rank_agreement)?;
    figures.push(Figure::new("Topical-Chat overall, unseen strategy", &tested, value, (0.6, 1.0)));
    for FewRatings { ratings, configured, learned, adopted } in learned::few_ratings(&all, 20)? {
        let gain = learned - configured;
        let value = Estimate { value: gain, low: gain, high: gain, stderr: 0.0 };
        let name = format!("learned less configured weights, {ratings} ratings");
        let note =
            format!("{configured:.3} to {learned:.3}, adopted in {:.0} % of 20 draws", 100.0 * adopted);
        figures.push(Figure { name, rows: rows.len(), value, bar: (-0.01, 2.0), note });
    }
    Ok(())
}

/// In how many parts pairs are tested: half of them are too few to fit to.
const PARTS: u64 = 10;

fn pairs(rows: &[Row], figures: &mut Vec<Figure>) -> Result<()> {
    let pairs = fit::pairs(rows);
    let borrowed = borrowed(rows, &pairs);
    let mut tested = Vec::new();
    for (number, part) in (0..PARTS).enumerate() {
        let (test, train): (Vec<&Pair<'_>>, Vec<&Pair<'_>>) =
            pairs.iter().partition(|pair| pair.better.part(PARTS) == part);
        if test.is_empty() {
            continue;
        }
        let head = fit::preference(&train, &borrowed, |row| row.part(PARTS) != part)?.place();
        tested.extend(test.into_iter().map(|pair| Tested {
            group: pair.better.source.clone(),
            request: pair.better.request,
            fit: number,
            value: head.logit(&pair.better.signals) - head.logit(&pair.worse.signals),
            truth: 1.0,
        }));
    }
    let three = ["pandalm", "mtbench_human", "llmeval2"];
    let mut add = |name: &str, is: &dyn Fn(&str) -> bool, bar: f64| -> Result<()> {
        let some: Vec<Tested> = tested.iter().filter(|row| is(&row.group)).cloned().collect();
        if !some.is_empty() {
            figures.push(Figure::new(name, &some, estimate(&some, accuracy)?, (bar, 1.0)));
        }
        Ok(())
    };
    add("pairs: mean of PandaLM, MT-Bench, LLMEval2", &|source| three.contains(&source), 0.69)?;
    add("pairs: LLMBar adversarial, same reward", &|source| source == "llmbar_adversarial", 0.55)?;
    for source in ["pandalm", "mtbench_human", "llmeval2", "faireval", "llmbar_natural"] {
        add(&format!("pairs: {source}"), &|other| other == source, 0.0)?;
    }
    Ok(())
}

/// The standard reward on its own, and as what pays a bandit; where there are rows for all of its heads.
fn standard_reward(rows: &[Row], figures: &mut Vec<Figure>) -> Result<()> {
    let all = ["usr_topicalchat", "begin_wow", "xstest", "pandalm", "llmbar_adversarial"];
    if !all.iter().all(|source| rows.iter().any(|row| row.source == *source)) {
        return Ok(());
    }
    let pairs = fit::pairs(rows);
    let blind = standard::both(rows, &pairs)?;
    let (mut overall, mut attributable, mut compared) = (Vec::new(), Vec::new(), Vec::new());
    for half in &*blind {
        overall.extend(half.tested(rows, |row| row.rated("overall"))?);
        attributable.extend(half.tested(rows, |row| row.rated("attributable"))?);
        compared.extend(half.pairs(&pairs)?);
    }
    let mut add = |name: &str, tested: Vec<Tested>, statistic: fn(&[&Tested]) -> Option<f64>| -> Result<()> {
        let value = estimate(&tested, statistic)?;
        figures.push(Figure::new(format!("standard reward: {name}"), &tested, value, (0.0, 1.0)));
        Ok(())
    };
    let of = |sources: &[&str]| -> Vec<Tested> {
        compared.iter().filter(|row| sources.contains(&row.group.as_str())).cloned().collect()
    };
    add("Topical-Chat overall, Spearman", overall, rank_agreement)?;
    add(
        "pairs, mean of PandaLM, MT-Bench, LLMEval2",
        of(&["pandalm", "mtbench_human", "llmeval2"]),
        accuracy,
    )?;
    add("pairs, LLMBar adversarial", of(&["llmbar_adversarial"]), accuracy)?;
    add("BEGIN attributable, AUROC", attributable, separation)?;
    let is_automatic = |model: &str| !["Original Ground Truth", "New Human Generated"].contains(&model);
    let from_zero = |row: &Row| Some((row.rated("overall")? - 1.0) / 4.0);
    let conversation = standard::played(&blind, rows, from_zero, is_automatic);
    let safety = standard::played(&blind, rows, |row| row.rated("appropriate"), |_| true);
    for (name, played, bar) in [("Topical-Chat", conversation, 0.6), ("XSTest", safety, 0.9)] {
        let value = standard::replay(&played)?;
        let note = if value.low > 0.0 { "lower bound above 0" } else { "lower bound not above 0" };
        figures.push(Figure {
            name: format!("bandit paid by the standard reward and 20 labels a strategy, {name}: share of the possible gain"),
            rows: played.len(),
            value,
            bar: (bar, 2.0),
            note: note.to_owned(),
        });
    }
    Ok(())
}

fn grounded(rows: &[Row], figures: &mut Vec<Figure>, intervals: &mut Vec<Tested>) -> Result<()> {
    let tested = by_halves(rows, fit::groundedness, Placed::probability, |row| row.rated("attributable"))?;
    for (source, bar) in [("begin_wow", 0.945), ("begin_cmu", 0.975), ("begin_tc", 0.965)] {
        let some: Vec<Tested> = tested.iter().filter(|row| row.group == source).cloned().collect();
        if !some.is_empty() {
            let value = estimate(&some, separation)?;
            figures.push(Figure::new(format!("{source} attributable, AUROC"), &some, value, (bar, 1.0)));
        }
    }
    intervals.extend(tested);
    Ok(())
}

fn relevant(rows: &[Row], figures: &mut Vec<Figure>) -> Result<()> {
    let halves = HALVES.map(|half| relevance::cases(&within(rows, half)));
    let [first, second] = &halves;
    if first.is_empty() || second.is_empty() {
        return Ok(());
    }
    let mut tested = Vec::new();
    for (number, (test, train)) in [(first, second), (second, first)].into_iter().enumerate() {
        let head: Placed = relevance::fit(train)?.place();
        tested.extend(test.iter().map(|case| Tested {
            group: case.source.clone(),
            request: case.request,
            fit: number,
            value: head.probability(&case.signals),
            truth: f64::from(u8::from(case.is_own)),
        }));
    }
    let mut sources: Vec<&str> = tested.iter().map(|row| row.group.as_str()).collect();
    sources.dedup();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let some: Vec<Tested> = tested.iter().filter(|row| row.group == source).cloned().collect();
        let mut add = |name: &str, value: Estimate, bar: (f64, f64)| {
            figures.push(Figure::new(format!("relevance on {source}: {name}"), &some, value, bar));
        };
        add("AUC", estimate(&some, separation)?, (0.985, 1.0));
        add("mean of good answers", estimate(&some, mean_of_true)?, (0.9, 1.0));
        add("calibration error", estimate(&some, calibration)?, (0.0, 0.05));
    }
    Ok(())
}

/// Intervals whose width was found on one half of the requests of a fit hold the ratings of the other.
fn coverage(tested: &[Tested], figures: &mut Vec<Figure>) -> Result<()> {
    let side = |row: &Tested| row.request >> 20 & 1;
    let mut held: Vec<Tested> = Vec::new();
    for parity in [0, 1] {
        let some: Vec<&Tested> = tested.iter().filter(|row| side(row) != parity).collect();
        let groups: Vec<&str> = some.iter().map(|row| row.group.as_str()).collect();
        let (values, truths): (Vec<f64>, Vec<f64>) = some.iter().map(|row| (row.value, row.truth)).unzip();
        let conformal = Conformal::fit(&groups, &values, &truths, 0.9)?;
        held.extend(tested.iter().filter(|row| side(row) == parity).map(|row| {
            let is_held = (row.value - row.truth).abs() <= conformal.half_width(&row.group.as_str());
            Tested { value: f64::from(u8::from(is_held)), ..row.clone() }
        }));
    }
    let share = |rows: &[&Tested]| {
        (!rows.is_empty()).then(|| rows.iter().map(|row| row.value).sum::<f64>() / rows.len() as f64)
    };
    let mut sources: Vec<&str> = held.iter().map(|row| row.group.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let some: Vec<Tested> = held.iter().filter(|row| row.group == source).cloned().collect();
        let value = estimate(&some, share)?;
        figures.push(Figure::new(
            format!("90 % intervals on {source}: coverage"),
            &some,
            value,
            (0.85, 0.95),
        ));
    }
    figures.push(Figure::new("90 % intervals: coverage, all", &held, estimate(&held, share)?, (0.88, 0.92)));
    Ok(())
}
