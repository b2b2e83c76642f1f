use crate::arguments::Global;
use crate::error::Result;
use crate::open::{config, variable};
use crate::output;

pub(super) fn check(global: &Global) -> Result<()> {
    let config = config(global)?;
    // Making the builder checks what the parser cannot; nothing is opened.
    config.builder(&variable)?.check()?;
    for warning in config.warnings() {
        output::note(&format!("note: {warning}"));
    }
    output::line("the configuration is fine")
}

pub(super) fn show(global: &Global) -> Result<()> {
    output::line(&format!("{:#?}", config(global)?))
}
