use helm_core::{TenantId, UserId};
use helm_orchestrator::experiment::{Experiment, Unit, Variant};
use serde_json::json;

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};

pub(super) fn run(global: &Global, key: &str, users: &[String]) -> Result<()> {
    let config = open::config(global)?;
    let (key, section) = config.experiments.iter().find(|(own, _)| own.as_str() == key).ok_or_else(|| {
        let known: Vec<_> = config.experiments.keys().map(ToString::to_string).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::wrong(format!("there is no [experiments.{key}]; there are: {known}"))
    })?;
    let variants = section.variants.iter().map(|(name, variant)| Variant::new(name.clone(), variant.weight));
    let experiment = Experiment::new(key.clone(), variants.collect());
    let experiment = experiment.map_err(|error| Failure::wrong(error.to_string()))?;
    let tenant = TenantId::single();
    let mut rows = Vec::with_capacity(users.len());
    for user in users {
        let assigned = experiment.assign(&Unit::user(&tenant, &UserId::new(user.clone())?));
        rows.push((user, assigned));
    }
    if global.output != Format::Table {
        let value: Vec<_> = rows
            .iter()
            .map(|(user, assigned)| {
                json!({ "user": user, "variant": assigned.variant, "share": assigned.share })
            })
            .collect();
        return output::json(global.output, &value);
    }
    let rows = rows.iter().map(|(user, assigned)| {
        [(*user).clone(), assigned.variant.to_string(), output::percent(Some(assigned.share.get()))]
    });
    output::line(&output::table(["user", "variant", "share"], rows))
}
