use helm_core::{Clock, SystemClock, Timestamp};
use helm_orchestrator::store::{Retained, Retention};
use serde::Serialize;

use crate::arguments::{Global, OfTenant};
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};
use crate::when::{age, before};

#[derive(Serialize)]
struct Report {
    before: Timestamp,
    dry_run: bool,
    #[serde(flatten)]
    retained: Retained,
}

/// Removes old turns, or counts them.
pub(super) async fn retain(global: &Global, of: &OfTenant, older_than: &str, dry_run: bool) -> Result<()> {
    let age = age(older_than).map_err(Failure::wrong)?;
    let mut retention = Retention::before(before(SystemClock.now(), age));
    retention.dry_run = dry_run;
    // Only to look at it: nobody works on its jobs meanwhile.
    let helm = open::reading(global, of).await?;
    let bar = output::progress(None, "{spinner} {human_pos} turns, {per_sec}");
    let before = retention.before;
    let retained = helm.retain(retention, |so_far: Retained| bar.set_position(so_far.turns)).await;
    bar.finish_and_clear();
    open::close(&helm).await;
    let report = Report { before, dry_run, retained: retained? };
    match global.output {
        Format::Table => output::line(&table(&report)),
        format => output::json(format, &report),
    }
}

fn table(Report { before, dry_run, retained }: &Report) -> String {
    let done = if *dry_run { "would leave" } else { "have left" };
    let Retained { turns, decisions, judgements, messages, kept, .. } = retained;
    format!(
        "{turns} turns from before {before} {done} the log, with {decisions} decisions, {judgements} judgements and {messages} messages; {kept} turns of that age stay, because something depends on them"
    )
}
