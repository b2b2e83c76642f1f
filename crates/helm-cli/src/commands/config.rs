use helm_orchestrator::HelmConfig;
use serde_json::json;

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::open::{self, config, variable};
use crate::output::{self, Format};

pub(super) fn check(global: &Global) -> Result<()> {
    let config = config(global)?;
    let mut wrong: Vec<_> = config.mistakes(&variable).iter().map(helm_orchestrator::Error::report).collect();
    wrong.extend(open::named_keys(&config).err().map(|failure| failure.to_string()));
    if !wrong.is_empty() {
        return Err(Failure::wrong(wrong.join("\n")));
    }
    let warnings = config.warnings();
    if global.output != Format::Table {
        return output::json(global.output, &json!({ "ok": true, "warnings": warnings }));
    }
    for warning in warnings {
        output::note(&format!("note: {warning}"));
    }
    output::line("the configuration is fine")
}

pub(super) fn show(global: &Global) -> Result<()> {
    let config = config(global)?;
    match global.output {
        Format::Table => output::line(config.shown_as_toml()?.trim_end()),
        format => output::json(format, &config.shown()?),
    }
}

pub(super) fn show_origins(global: &Global) -> Result<()> {
    let settings = config(global)?.settings()?;
    match global.output {
        Format::Table => {
            let rows = settings
                .iter()
                .map(|setting| [setting.key.clone(), setting.value.to_string(), setting.origin.to_string()]);
            output::line(&output::texts(["key", "value", "from"], rows))
        }
        Format::Jsonl => settings.iter().try_for_each(|setting| output::json(Format::Jsonl, setting)),
        format => output::json(format, &settings),
    }
}

pub(super) fn schema(global: &Global) -> Result<()> {
    output::json(global.output, &HelmConfig::schema())
}
