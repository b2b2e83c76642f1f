//! The reference cases' questions, asked of this crate, with answers in the cases' own words.

use std::collections::BTreeMap;

use helm_experiment::analysis::*;
use helm_experiment::growthbook::{self, HashVersion};
use serde_json::{Map, Value, json};

/// What this crate says to a case of a family.
pub(crate) fn answer(family: &str, input: &Value) -> Value {
    let said = match family {
        "adaptive_inference" => adaptive(input),
        "asymp_cs_mean" => one_mean(input),
        "bayes_beta" => bayes_beta(input),
        "bayes_normal" => bayes_normal(input),
        "bounded_cs" => bounded(input),
        "clustered_turns" => clustered(input),
        "cuped" => adjusted_means(input),
        "end_to_end_log" => log(input),
        "group_sequential" => looks(input),
        "growthbook_hash" => hashes(input),
        "howard_boundaries" => boundaries(input),
        "mann_whitney" => ranks(input),
        "multiple_comparisons" => comparisons(input),
        "non_inferiority" => margins(input),
        "paired" => pairs(input),
        "power" => powers(input),
        "quantile" => quantiles(input),
        "ratio_delta" => ratios(input),
        "relative_lift" => lifts(input),
        "sequential_asymptotic" => any_time(input),
        "sequential_one_sided" => any_time_one_sided(input),
        "srm" => mismatch(input),
        "srm_sequential" => monitored(input),
        "two_proportions" => proportions(input),
        "welch_t" => means(input),
        other => panic!("nobody answers {other}"),
    };
    said.unwrap_or_else(|refusal| json!({ "status": status(&refusal) }))
}

/// A refusal in the cases' words.
fn status(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::ZeroVariance | Refusal::ConstantArms => "undefined:zero_variance",
        Refusal::TooFewUnits => "undefined:n_below_2",
        Refusal::TooFewClusters => "undefined:clusters_below_2",
        Refusal::ZeroDenominator => "undefined:zero_denominator",
        Refusal::ZeroBaseline => "undefined:zero_baseline",
        Refusal::NoUnits => "undefined:no_units",
        Refusal::NotFinite { .. } => "error:non_finite_input",
        Refusal::NoShare { name: "power beyond alpha", .. } => "error:power_not_above_alpha",
        Refusal::NoShare { .. } => "error:alpha_out_of_range",
        Refusal::NotPositive { name: "the absolute effect", .. } => "error:effect_zero",
        Refusal::NotPositive { .. } => "error:margin_not_positive",
        Refusal::MoreSuccessesThanTrials { .. } => "error:successes_exceed_trials",
        Refusal::Unpaired { .. } => "error:unpaired_length",
        Refusal::UnitsInSeveralArms { .. } => "error:unit_in_multiple_variants",
        Refusal::TrafficWithoutWeight { .. } => "error:traffic_in_zero_weight_variant",
        Refusal::ZeroPropensity { .. } => "error:zero_propensity_observed",
        Refusal::NoPropensities { .. } => "error:propensities_do_not_sum_to_1",
        _ => "error:other",
    }
}

/// The refusal, with what is known all the same.
fn with(mut known: Value, refusal: &Refusal) -> Value {
    known["status"] = json!(status(refusal));
    known
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap(),
    }
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn counts(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

/// A number as the cases write it.
fn shown(value: f64) -> Value {
    match value {
        value if value.is_nan() => json!("nan"),
        f64::INFINITY => json!("inf"),
        f64::NEG_INFINITY => json!("-inf"),
        value => json!(value),
    }
}

fn ends(interval: Interval) -> Value {
    json!([shown(interval.low), shown(interval.high)])
}

fn arms(input: &Value) -> Answer<(Moments, Moments)> {
    let arm = |side: &str| {
        Moments::new(
            input[format!("n_{side}")].as_u64().unwrap(),
            number(&input[format!("mean_{side}")]),
            number(&input[format!("var_{side}")]),
        )
    };
    Ok((arm("a")?, arm("b")?))
}

const LN_10: f64 = std::f64::consts::LN_10;

fn means(input: &Value) -> Answer<Value> {
    let (a, b) = (Moments::of(&list(&input["a"]))?, Moments::of(&list(&input["b"]))?);
    let difference = welch(&a, &b)?;
    let bounds = difference.bounds(0.05)?;
    Ok(json!({
        "mean_a": a.mean, "mean_b": b.mean, "var_a": a.variance(), "var_b": b.variance(),
        "diff": difference.value, "se": difference.error, "t": difference.t(), "df": difference.dof,
        "p_two": difference.p(), "log10_p_two": difference.ln_p() / LN_10,
        "p_greater": difference.p_greater(), "p_less": difference.p_less(),
        "ci95": ends(difference.interval(0.05)?), "lower95": bounds.low, "upper95": bounds.high,
    }))
}

fn proportions(input: &Value) -> Answer<Value> {
    // What is below 0 is no count of this crate's.
    if input.as_object().unwrap().values().any(|count| count.as_i64() < Some(0)) {
        return Ok(json!({ "status": "error:negative_count" }));
    }
    let count = |name: &str| input[name].as_u64().unwrap();
    let arms = (Proportion::new(count("x_a"), count("n_a")), Proportion::new(count("x_b"), count("n_b")));
    let (a, b) = match arms {
        (Err(Refusal::NoUnits), _) | (_, Err(Refusal::NoUnits)) => {
            return Ok(json!({ "status": "undefined:n_zero" }));
        }
        (a, b) => (a?, b?),
    };
    let two = TwoProportions::new(a, b);
    let optional = |interval: Answer<Interval>| interval.map_or(Value::Null, ends);
    Ok(json!({
        "p_a": a.share(), "p_b": b.share(), "diff": two.difference(),
        "z_pooled": two.z().map_or(json!("undefined"), shown), "p_pooled": two.p(),
        "wald": ends(two.wald(0.05)?), "agresti_caffo": ends(two.agresti_caffo(0.05)?),
        "newcombe": ends(two.newcombe(0.05)?),
        "log_rr": optional(two.ratio(0.05)), "log_or": optional(two.odds_ratio(0.05)),
        "wilson_a": ends(a.wilson(0.05)?), "wilson_b": ends(b.wilson(0.05)?),
        "clopper_pearson_b": ends(b.clopper_pearson(0.05)?), "fisher_p": two.fisher(),
    }))
}

fn ranks(input: &Value) -> Answer<Value> {
    let (a, b) = (list(&input["a"]), list(&input["b"]));
    let found = match mann_whitney(&a, &b) {
        Err(Refusal::ZeroVariance) => return Ok(with(json!({ "auc": 0.5 }), &Refusal::ZeroVariance)),
        other => other?,
    };
    Ok(json!({
        "u_b": found.u, "auc": found.auc, "p_asymptotic": found.p, "p_asymptotic_no_cc": found.p_uncorrected,
        "hodges_lehmann": hodges_lehmann(&a, &b)?, "p_exact": found.p_exact,
    }))
}

fn ratio_arm(input: &Value, side: &str) -> Answer<PairMoments> {
    PairMoments::of(&list(&input[format!("den_{side}")]), &list(&input[format!("num_{side}")]))
}

fn ratios(input: &Value) -> Answer<Value> {
    let (a, b) = (ratio(&ratio_arm(input, "a")?)?, ratio(&ratio_arm(input, "b")?)?);
    let known = json!({ "ratio_a": a.value, "ratio_b": b.value });
    let difference = match ratio_difference(&a, &b) {
        Err(refusal) => return Ok(with(known, &refusal)),
        Ok(difference) => difference,
    };
    let normal = Difference { dof: f64::INFINITY, ..difference };
    let moments = |ratio: &Ratio| Moments::new(ratio.users, ratio.value, ratio.variance);
    let lift = Lift::new(&moments(&a)?, &moments(&b)?)?;
    Ok(json!({
        "ratio_a": a.value, "ratio_b": b.value, "var_a": a.variance, "var_b": b.variance,
        "diff": difference.value, "se": difference.error, "z": normal.t(), "p_z": normal.p(),
        "ci95_z": ends(normal.interval(0.05)?), "df": difference.dof, "p_t": difference.p(),
        "ci95_t": ends(difference.interval(0.05)?), "lift": lift.value, "lift_se": lift.error,
    }))
}

fn turns(input: &Value) -> Vec<(&str, bool, f64)> {
    let rows = input["rows"].as_array().unwrap().iter();
    rows.map(|row| (row[0].as_str().unwrap(), row[1].as_u64() == Some(1), number(&row[2]))).collect()
}

fn clustered(input: &Value) -> Answer<Value> {
    let turns = turns(input);
    let (a, b) = match by_user(turns.iter().copied()) {
        Err(Refusal::UnitsInSeveralArms { units }) => {
            let known = json!({ "units": units });
            return Ok(with(known, &Refusal::UnitsInSeveralArms { units: Vec::new() }));
        }
        other => other?,
    };
    let known = json!({
        "mean_a": a.second.mean / a.first.mean, "mean_b": b.second.mean / b.first.mean,
    });
    let (one, other) = match (ratio(&a), ratio(&b)) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(refusal), _) | (_, Err(refusal)) => return Ok(with(known, &refusal)),
    };
    let by_users = Difference { dof: f64::INFINITY, ..ratio_difference(&one, &other)? };
    let of_arm = |treatment: bool| {
        let values = turns.iter().filter(|turn| turn.1 == treatment).map(|turn| turn.2);
        Moments::of(&values.collect::<Vec<_>>())
    };
    let naive = Difference { dof: f64::INFINITY, ..welch(&of_arm(false)?, &of_arm(true)?)? };
    Ok(json!({
        "mean_a": known["mean_a"], "mean_b": known["mean_b"], "diff": by_users.value,
        "se_cluster": by_users.error, "se_naive": naive.error,
        "design_effect": (by_users.error / naive.error).powi(2), "p_cluster": by_users.p(), "p_naive": naive.p(),
    }))
}

fn adjusted_means(input: &Value) -> Answer<Value> {
    let arm = |side: &str| {
        PairMoments::of(&list(&input[format!("pre_{side}")]), &list(&input[format!("post_{side}")]))
    };
    let (a, b) = (arm("a")?, arm("b")?);
    let found = match cuped(&a, &b) {
        Err(refusal) => {
            let mut pooled = a;
            pooled.merge(&b);
            return Ok(with(json!({ "theta": pooled.products / pooled.first.squares }), &refusal));
        }
        Ok(found) => found,
    };
    let raw = welch(&a.second, &b.second)?;
    let values = |name: &str| list(&input[name]);
    let (pre_a, post_a, pre_b, post_b) =
        (values("pre_a"), values("post_a"), values("pre_b"), values("post_b"));
    let (lin_diff, lin_se) = lin((&pre_a, &post_a), (&pre_b, &post_b))
        .map_or((Value::Null, Value::Null), |lin| (json!(lin.value), json!(lin.error)));
    Ok(json!({
        "theta": found.theta, "diff_adj": found.difference.value, "se_adj": found.difference.error,
        "t": found.difference.t(), "df": found.difference.dof, "p": found.difference.p(),
        "ci95": ends(found.difference.interval(0.05)?), "diff_raw": raw.value, "se_raw": raw.error,
        "variance_reduction": found.reduction, "lin_diff": lin_diff, "lin_se_hc1": lin_se,
    }))
}

fn lifts(input: &Value) -> Answer<Value> {
    let (a, b) = arms(input)?;
    let lift = match Lift::new(&a, &b) {
        Err(refusal) => return Ok(with(json!({ "diff": b.mean - a.mean }), &refusal)),
        Ok(lift) => lift,
    };
    let fieller = lift.fieller(0.05)?.map_or(json!("unbounded"), ends);
    Ok(json!({
        "lift": lift.value, "se_delta": lift.error, "ci_delta": ends(lift.interval(0.05)?), "ci_fieller": fieller,
    }))
}

fn one_mean(input: &Value) -> Answer<Value> {
    let units = input["n"].as_u64().unwrap();
    let sequence = AlwaysValid::new(number(&input["alpha"]), input["t_opt"].as_u64().unwrap(), Sides::Two)?;
    let error = (number(&input["var"]) / units as f64).sqrt();
    let mean = Difference { value: number(&input["mean"]), error, dof: f64::INFINITY };
    let look = sequence.look(&mean, units)?;
    Ok(json!({ "half_width": sequence.half_width(units) * error, "ci": ends(look.interval) }))
}

fn any_time(input: &Value) -> Answer<Value> {
    let (a, b) = arms(input)?;
    let sequence = AlwaysValid::new(number(&input["alpha"]), input["n_star"].as_u64().unwrap(), Sides::Two)?;
    let (difference, units) = (welch(&a, &b)?, a.count + b.count);
    let look = sequence.look(&difference, units)?;
    Ok(json!({
        "rho": sequence.rho_squared().sqrt(), "diff": difference.value,
        "half_width": sequence.half_width(units) * difference.error, "ci": ends(look.interval),
        "log_e": look.ln_e, "p": look.p,
    }))
}

fn any_time_one_sided(input: &Value) -> Answer<Value> {
    let (a, b) = arms(input)?;
    let sequence = AlwaysValid::new(number(&input["alpha"]), input["n_star"].as_u64().unwrap(), Sides::One)?;
    let look = sequence.look(&welch(&a, &b)?, a.count + b.count)?;
    Ok(json!({ "lower": look.interval.low, "upper": look.interval.high }))
}

fn looks(input: &Value) -> Answer<Value> {
    let sides = if input["sides"].as_u64() == Some(2) { Sides::Two } else { Sides::One };
    let spending = Spending::Power(number(&input["rho"]));
    Ok(json!({ "z": group_sequential_bounds(&list(&input["t"]), number(&input["alpha"]), sides, spending)? }))
}

fn mismatch(input: &Value) -> Answer<Value> {
    let found = ratio_mismatch(&counts(&input["observed"]), &list(&input["weights"]))?;
    Ok(json!({ "chi2": found.chi_squared, "df": found.dof, "p": found.p, "log10_p": found.ln_p / LN_10 }))
}

fn monitored(input: &Value) -> Answer<Value> {
    let mut monitor = RatioMonitor::new(&list(&input["null"]), number(&input["concentration"]))?;
    let batches = input["batches"].as_array().unwrap().iter();
    let p = batches.map(|batch| monitor.add(&counts(batch))).collect::<Answer<Vec<_>>>()?;
    Ok(json!({ "p": p }))
}

fn comparisons(input: &Value) -> Answer<Value> {
    let alpha = number(&input["alpha"]);
    let p: Vec<_> = list(&input["p"]).into_iter().map(|p| p.is_finite().then_some(p)).collect();
    let of = |correction| {
        let values = adjusted(&p, correction);
        let shown: Vec<_> =
            values.iter().map(|value| value.map_or(json!("nan"), |value| json!(value))).collect();
        let reject: Vec<_> = values.iter().map(|value| value.is_some_and(|value| value <= alpha)).collect();
        json!({ "adjusted": shown, "reject": reject })
    };
    let mut said = Map::new();
    for (name, correction) in [
        ("bonferroni", Correction::Bonferroni),
        ("sidak", Correction::Sidak),
        ("holm", Correction::Holm),
        ("hochberg", Correction::Hochberg),
        ("hommel", Correction::Hommel),
        ("bh", Correction::BenjaminiHochberg),
        ("by", Correction::BenjaminiYekutieli),
    ] {
        said.insert(name.to_owned(), of(correction));
    }
    if p.iter().any(Option::is_none) {
        said.insert("status".to_owned(), json!("nan kept as undefined; m counts only finite p"));
    }
    Ok(Value::Object(said))
}

fn margins(input: &Value) -> Answer<Value> {
    let (a, b) = (Moments::of(&list(&input["a"]))?, Moments::of(&list(&input["b"]))?);
    let difference = welch(&a, &b)?;
    let better = if input["lower_is_better"] == json!(true) { Better::Lower } else { Better::Higher };
    let found = non_inferiority(&difference, number(&input["margin"]), better)?;
    let bounds = difference.bounds(0.05)?;
    // Towards what is better.
    let bound = if better == Better::Higher { bounds.low } else { -bounds.high };
    Ok(json!({ "p_ni": found.p, "tost_p": found.p_equivalent, "bound95": bound }))
}

fn pairs(input: &Value) -> Answer<Value> {
    let (a, b) = (list(&input["a"]), list(&input["b"]));
    let each = differences(&a, &b)?;
    let found = match paired(&a, &b) {
        Err(refusal) => return Ok(with(json!({ "mean_diff": Moments::of(&each)?.mean }), &refusal)),
        Ok(found) => found,
    };
    let count = |control: f64, treatment: f64| {
        a.iter().zip(&b).filter(|(one, other)| **one == control && **other == treatment).count() as u64
    };
    let changes = Changes { lost: count(1.0, 0.0), won: count(0.0, 1.0) };
    Ok(json!({
        "mean_diff": found.value, "t": found.t(), "df": found.dof, "p": found.p(),
        "ci95": ends(found.interval(0.05)?), "p_unpaired": welch(&Moments::of(&a)?, &Moments::of(&b)?)?.p(),
        "wilcoxon_p": wilcoxon(&each)?, "mcnemar_exact_p": changes.p_exact(),
        "table": [[count(0.0, 0.0), count(0.0, 1.0)], [count(1.0, 0.0), count(1.0, 1.0)]],
        "mcnemar_chi2_p": changes.p_approximate().unwrap_or(f64::NAN),
    }))
}

fn powers(input: &Value) -> Answer<Value> {
    let of = |name: &str| number(&input[name]);
    let plan = || Plan::new(of("alpha"), of("ratio_b_over_a"));
    Ok(match input["kind"].as_str().unwrap() {
        "sample_size_t" => json!({ "n_a": plan()?.units(of("d"), of("power"))? }),
        "sample_size_z" => json!({ "n_a": plan()?.units_of_many(of("d"), of("power"))? }),
        "power_t" => json!({ "power": plan()?.power(of("d"), of("n_a"))? }),
        "mde_t" => json!({ "d": plan()?.detectable(of("n_a"), of("power"))? }),
        "power_prop_z" => {
            let ratio = of("n_b") / of("n_a");
            json!({ "power": power_of_shares(of("p_a"), of("p_b"), of("n_a"), ratio, of("alpha"))? })
        }
        "total_sample_size_z" => {
            let arms = input["arms"].as_u64().unwrap() as u32;
            json!({ "total": units_of_all(of("mde"), of("variance"), arms, of("alpha"), of("power"))? })
        }
        other => panic!("nobody answers {other}"),
    })
}

fn quantiles(input: &Value) -> Answer<Value> {
    let found = quantile(&list(&input["x"]), number(&input["q"]), 0.05)?;
    // The peer has no number for an end that is infinite.
    let end = |end: f64| if end.is_finite() { json!(end) } else { json!("nan") };
    Ok(json!({ "estimate": found.value, "ci95": [end(found.interval.low), end(found.interval.high)] }))
}

fn bayes_beta(input: &Value) -> Answer<Value> {
    let prior = list(&input["prior"]);
    let share = |side: &str| {
        let (x, n) = (number(&input[format!("x_{side}")]), number(&input[format!("n_{side}")]));
        Share { a: prior[0] + x, b: prior[1] + n - x }
    };
    let found = compare_shares(share("a"), share("b"))?;
    Ok(json!({ "p_b_beats_a": found.chance_above, "expected_loss_b": found.risk_of_treatment }))
}

fn bayes_normal(input: &Value) -> Answer<Value> {
    let (a, b) = arms(input)?;
    let (effect, error) = if input["type"] == json!("relative") {
        let lift = Lift::new(&a, &b)?;
        (lift.value, lift.error)
    } else {
        let difference = welch(&a, &b)?;
        (difference.value, difference.error)
    };
    let prior = &input["prior"];
    let belief = if prior["proper"] == json!(true) {
        let prior = Belief { mean: number(&prior["mean"]), deviation: number(&prior["var"]).sqrt() };
        Belief::updated(&prior, effect, error)?
    } else {
        Belief::flat(effect, error)?
    };
    // Where less is better, it is the control's shortfall that counts.
    let lower = input["lower_is_better"] == json!(true);
    let chance = if lower { 1.0 - belief.chance_above() } else { belief.chance_above() };
    let (control, treatment) = (belief.risk_of_control(), belief.risk_of_treatment());
    let risk = if lower { [treatment, control] } else { [control, treatment] };
    Ok(json!({
        "chance_to_win": chance, "ci95": ends(belief.interval(0.05)?), "effect": belief.mean, "risk": risk,
        "error": null,
    }))
}

fn boundaries(input: &Value) -> Answer<Value> {
    let of = |name: &str| number(&input[name]);
    let sides = if input["is_one_sided"] == json!(true) { Sides::One } else { Sides::Two };
    let normal = || NormalMixture::new(of("v_opt"), of("alpha_opt"), sides);
    Ok(match input["fn"].as_str().unwrap() {
        "normal_mixture_bound" => json!({ "value": normal()?.bound(of("v"), of("alpha"))? }),
        "normal_log_mixture" => json!({ "value": normal()?.ln_e(of("s"), of("v")) }),
        "gamma_exponential_mixture_bound" => {
            let mixture = GammaExponentialMixture::new(of("v_opt"), of("alpha_opt"), of("c"))?;
            json!({ "value": mixture.bound(of("v"), of("alpha"))? })
        }
        "poly_stitching_bound" => {
            let bound = StitchedBound { from: of("v_min"), c: of("c"), power: of("s"), epoch: of("eta") };
            json!({ "value": bound.bound(of("v"), of("alpha"))? })
        }
        "bernoulli_confidence_interval" => {
            let count = |name: &str| input[name].as_u64().unwrap();
            let seen = Proportion::new(count("num_successes"), count("num_trials"))?;
            let found = share_at_any_time(seen, count("t_opt"), of("alpha"), of("alpha_opt"))?;
            json!({ "lower": found.low, "upper": found.high })
        }
        "quantile_ab_p_value" => {
            let (a, b) = (list(&input["a"]), list(&input["b"]));
            let tuned = input["t_opt"].as_u64().unwrap();
            json!({ "p": quantiles_differ(&a, &b, of("quantile_p"), tuned, of("alpha_opt"))? })
        }
        other => panic!("nobody answers {other}"),
    })
}

fn bounded(input: &Value) -> Answer<Value> {
    let mut mean = BoundedMean::new(number(&input["alpha"]))?;
    let tuned = number(&input["v_opt_conjmix"]);
    let (mut bernstein, mut betting, mut mixed) = (Vec::new(), Vec::new(), Vec::new());
    for (at, value) in list(&input["x"]).into_iter().enumerate() {
        mean.add(value)?;
        if [1, 10, 50, 100, 200].contains(&(at + 1)) {
            let row = |interval: Interval| json!([at + 1, interval.low, interval.high]);
            bernstein.push(row(mean.empirical_bernstein()));
            betting.push(row(mean.betting()));
            mixed.push(row(mean.mixed_bernstein(tuned)?));
        }
    }
    Ok(json!({ "predmix_empbern": bernstein, "betting_hedged": betting, "conjmix_empbern": mixed }))
}

fn adaptive(input: &Value) -> Answer<Value> {
    let arms: Vec<_> = counts(&input["arms"]).into_iter().map(|arm| arm as usize).collect();
    let rewards = list(&input["rewards"]);
    let propensities: Vec<_> = input["propensities"].as_array().unwrap().iter().map(list).collect();
    let log = match AdaptiveLog::new(&arms, &rewards, &propensities) {
        Err(refusal @ (Refusal::ZeroPropensity { row } | Refusal::NoPropensities { row })) => {
            return Ok(with(json!({ "row": row }), &refusal));
        }
        other => other?,
    };
    let of = |weighting| {
        let found = log.estimates(weighting);
        let last = found.values.len() - 1;
        let contrasts: Vec<_> = (0..last).filter_map(|arm| found.contrast(last, arm)).collect();
        json!({
            "estimate": found.values, "stderr": found.errors,
            "contrast": contrasts.iter().map(|contrast| contrast.value).collect::<Vec<_>>(),
            "contrast_se": contrasts.iter().map(|contrast| contrast.error).collect::<Vec<_>>(),
        })
    };
    let naive = (0..propensities[0].len()).map(|arm| {
        let own = arms.iter().zip(&rewards).filter(|(played, _)| **played == arm).map(|(_, reward)| *reward);
        Moments::of(&own.collect::<Vec<_>>())
    });
    let naive = naive.collect::<Answer<Vec<_>>>()?;
    let error = |arm: &Moments| (arm.squares / arm.count as f64 / arm.count as f64).sqrt();
    Ok(json!({
        "uniform": of(Weighting::Uniform), "const_alloc": of(Weighting::Root),
        "two_point": of(Weighting::TwoPoint(number(&input["floor_decay"]))),
        "naive_mean": {
            "estimate": naive.iter().map(|arm| arm.mean).collect::<Vec<_>>(),
            "stderr_ddof0": naive.iter().map(error).collect::<Vec<_>>(),
        },
    }))
}

fn hashes(input: &Value) -> Answer<Value> {
    let text = |name: &str| input[name].as_str().unwrap();
    let namespace = |user: &str| {
        let (name, part) = (input["namespace"][0].as_str().unwrap(), &input["namespace"]);
        growthbook::is_in_namespace(user, name, (number(&part[1]), number(&part[2])))
    };
    match input["fn"].as_str() {
        Some("in_namespace") => return Ok(json!({ "value": namespace(text("user")) })),
        Some("bucket_ranges") => return Ok(json!({ "ranges": published_ranges(input) })),
        _ => {}
    }
    let hash = |version| growthbook::hash(text("seed"), text("value"), version);
    if let Some(version) = input["version"].as_u64() {
        let known = match version {
            1 => Some(HashVersion::V1),
            2 => Some(HashVersion::V2),
            _ => None,
        };
        return Ok(json!({ "hash": known.map(hash) }));
    }
    let ranges = growthbook::ranges(&list(&input["weights"]), number(&input["coverage"]))?;
    let variation = |place| growthbook::variation(place, &ranges).map_or(-1, |at| at as i64);
    let (one, two) = (hash(HashVersion::V1), hash(HashVersion::V2));
    Ok(json!({
        "v1": one, "v2": two, "ranges": ranges, "variation_v1": variation(one), "variation_v2": variation(two),
        "in_namespace": namespace(text("value")),
    }))
}

/// The peer repairs what is refused here: to equal weights, and to a coverage in range.
fn published_ranges(input: &Value) -> Vec<(f64, f64)> {
    let count = input["n"].as_u64().unwrap() as usize;
    let equal = vec![1.0 / count as f64; count];
    let coverage = number(&input["coverage"]);
    if !(0.0..=1.0).contains(&coverage) {
        assert!(growthbook::ranges(&equal, coverage).is_err());
    }
    let coverage = coverage.clamp(0.0, 1.0);
    let weights = input["weights"].as_array().map(|weights| weights.iter().map(number).collect::<Vec<_>>());
    let given = weights.filter(|weights| weights.len() == count);
    let ranges = given.and_then(|weights| growthbook::ranges(&weights, coverage).ok());
    ranges.unwrap_or_else(|| growthbook::ranges(&equal, coverage).unwrap())
}

fn log(input: &Value) -> Answer<Value> {
    let treatment = &input["variants"][1];
    let rows = || input["rows"].as_array().unwrap().iter();
    let turns =
        |at: usize| rows().map(move |row| (row[0].as_str().unwrap(), row[1] == *treatment, number(&row[at])));
    let mixed = match by_user(turns(3)) {
        Err(Refusal::UnitsInSeveralArms { units }) => units,
        _ => Vec::new(),
    };
    let kept = |at: usize| by_user(turns(at).filter(|turn| !mixed.contains(&turn.0.to_owned())));
    let (a, b) = kept(3)?;
    let units = [a.count(), b.count()];
    let mut users: BTreeMap<&str, (bool, f64, f64)> = BTreeMap::new();
    for (user, treatment, value) in turns(3).filter(|turn| !mixed.contains(&turn.0.to_owned())) {
        let entry = users.entry(user).or_insert((treatment, 0.0, 0.0));
        *entry = (treatment, entry.1 + value, entry.2 + 1.0);
    }
    let of_users = |treatment: bool| {
        let own = users.values().filter(|user| user.0 == treatment).map(|user| user.1 / user.2);
        Moments::of(&own.collect::<Vec<_>>())
    };
    let per_user = welch(&of_users(false)?, &of_users(true)?)?;
    let per_turn = |at: usize| -> Answer<(Value, f64)> {
        let (a, b) = kept(at)?;
        let (a, b) = (ratio(&a)?, ratio(&b)?);
        let difference = Difference { dof: f64::INFINITY, ..ratio_difference(&a, &b)? };
        let said = json!({
            "a": a.value, "b": b.value, "diff": difference.value, "se": difference.error, "p": difference.p(),
        });
        Ok((said, difference.p()))
    };
    let ((rewards, p_rewards), (tokens, p_tokens)) = (per_turn(3)?, per_turn(4)?);
    let all = adjusted(&[Some(per_user.p()), Some(p_rewards), Some(p_tokens)], Correction::Holm);
    Ok(json!({
        "units": units, "multi_variant_users": mixed,
        "srm_p": ratio_mismatch(&units, &list(&input["weights"]))?.p,
        "mean_reward_per_user": { "t": per_user.t(), "p": per_user.p(), "df": per_user.dof },
        "reward_per_turn": rewards, "tokens_per_turn": tokens, "holm": all,
    }))
}
