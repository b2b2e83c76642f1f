use helm_policy::{CATALOG, KindInfo};

use crate::arguments::Global;
use crate::error::Result;
use crate::output::{self, Format, Series};

/// Shows the built-in policies.
pub(super) fn run(global: &Global) -> Result<()> {
    if global.output != Format::Table {
        let mut series = Series::new(global.output);
        for info in &CATALOG {
            series.value(info)?;
        }
        return series.end();
    }
    let row = |info: &KindInfo| {
        [info.kind.to_owned(), info.summary.to_owned(), parameters(info), info.source.to_owned()]
    };
    output::line(&output::texts(["kind", "what it does", "parameters", "source"], CATALOG.iter().map(row)))?;
    output::line("Every kind also takes floor, epoch_seconds, forget and budget: docs/configuration.md.")
}

fn parameters(info: &KindInfo) -> String {
    let written = info.parameters.iter().map(|parameter| match parameter.default {
        "-" => parameter.name.to_owned(),
        default => format!("{} = {default}", parameter.name),
    });
    written.collect::<Vec<_>>().join(", ")
}
