use helm_orchestrator::experiment::analysis::{Answer, Plan, Refusal, design_effect, power_of_shares};
use serde_json::json;

use crate::arguments::{Global, PowerArguments};
use crate::error::{Failure, Result};
use crate::output::{self, Format};

/// A plan with all three of its numbers; units are what counts, before users.
struct Planned {
    effect: f64,
    units: f64,
    power: f64,
}

pub(super) fn run(global: &Global, arguments: &PowerArguments) -> Result<()> {
    let found = plan(arguments).map_err(|refusal| Failure::wrong(refusal.to_string()))?;
    let users = (found.units / worth(arguments)).ceil();
    if global.output != Format::Table {
        let value = json!({
            "effect": found.effect, "users_per_arm": users, "power": found.power, "alpha": arguments.alpha,
            "shares": arguments.shares, "units_per_user": worth(arguments),
        });
        return output::json(global.output, &value);
    }
    let effect = match &arguments.shares {
        Some(shares) => shares.iter().map(f64::to_string).collect::<Vec<_>>().join(" against "),
        None => format!("{:.4} standard deviations", found.effect),
    };
    output::line(&format!("effect         {effect}"))?;
    output::line(&format!("users an arm   {users:.0}"))?;
    output::line(&format!("power          {:.1} % at alpha {}", 100.0 * found.power, arguments.alpha))?;
    output::line(
        "The look is one, at the end. Looking at any time takes up to 1.9 times the users, planned looks 1.1 to 1.25.",
    )
}

/// How many independent units a user is worth.
fn worth(arguments: &PowerArguments) -> f64 {
    let turns = arguments.turns;
    turns / design_effect(turns, 0.0, arguments.correlation) / (1.0 - arguments.explained)
}

fn plan(arguments: &PowerArguments) -> Answer<Planned> {
    for (name, value) in
        [("the correlation", arguments.correlation), ("the explained share", arguments.explained)]
    {
        if !(0.0..1.0).contains(&value) {
            return Err(Refusal::NoShare { name, value });
        }
    }
    if !(arguments.turns >= 1.0 && arguments.turns.is_finite()) {
        return Err(Refusal::NotPositive { name: "the number of turns", value: arguments.turns });
    }
    let plan = Plan::new(arguments.alpha, 1.0)?;
    let units = arguments.units.map(|users| users * worth(arguments));
    match arguments.shares.as_deref() {
        Some([control, treatment]) => return of_shares(*control, *treatment, units, arguments),
        Some(_) => return Err(Refusal::Unusable { name: "--shares", why: "give two, such as 0.10,0.12" }),
        None => {}
    }
    let power = arguments.power.unwrap_or(0.8);
    match (arguments.effect, units, arguments.power) {
        (Some(effect), Some(units), None) => Ok(Planned { effect, units, power: plan.power(effect, units)? }),
        (Some(effect), None, _) => Ok(Planned { effect, units: plan.units(effect, power)?, power }),
        (None, Some(units), _) => Ok(Planned { effect: plan.detectable(units, power)?, units, power }),
        _ => Err(Refusal::Unusable { name: "a plan", why: "give two of --effect, --units and --power" }),
    }
}

fn of_shares(
    control: f64,
    treatment: f64,
    units: Option<f64>,
    arguments: &PowerArguments,
) -> Answer<Planned> {
    let of = |units: f64| power_of_shares(control, treatment, units, 1.0, arguments.alpha);
    let effect = treatment - control;
    match (units, arguments.power) {
        (Some(units), None) => return Ok(Planned { effect, units, power: of(units)? }),
        (Some(_), Some(_)) => {
            let why = "--shares, --units and --power are one too many; give two of them";
            return Err(Refusal::Unusable { name: "a plan", why });
        }
        (None, _) => {}
    }
    let power = arguments.power.unwrap_or(0.8);
    if effect == 0.0 {
        return Err(Refusal::NotPositive { name: "the absolute effect", value: effect });
    }
    if !(power > arguments.alpha && power < 1.0) {
        return Err(Refusal::NoShare { name: "power beyond alpha", value: power });
    }
    let (mut low, mut high) = (1.0, 2.0);
    while of(high)? < power {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if of(middle)? < power { low = middle } else { high = middle }
    }
    Ok(Planned { effect, units: high, power })
}
