use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use helm_orchestrator::config::{TEMPLATE, default_path};

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::output::{self, Format};

pub(super) fn run(global: &Global, path: Option<&Path>, force: bool) -> Result<()> {
    let path = path.or(global.config.as_deref()).unwrap_or(default_path());
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::wrong(format!("{shown} is there already; --force overwrites it"))
        }
        _ => Failure::wrong(format!("cannot write {shown}: {error}")),
    })?;
    file.write_all(TEMPLATE.as_bytes())
        .map_err(|error| Failure::wrong(format!("cannot write {shown}: {error}")))?;
    if global.output != Format::Table {
        return output::json(global.output, &serde_json::json!({ "path": shown.to_string() }));
    }
    let named = if path == default_path() { String::new() } else { format!(" --config {shown}") };
    output::note(&format!("Wrote {shown}. Next: helmctl config check{named}, helmctl chat{named}"));
    Ok(())
}
