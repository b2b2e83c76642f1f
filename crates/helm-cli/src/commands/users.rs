use std::io::{IsTerminal, Write};
use std::path::Path;

use helm_core::{TenantId, UserId};
use helm_orchestrator::store::Forgotten;
use helm_orchestrator::{Helm, UserForgotten};
use serde::Serialize;

use crate::arguments::{Global, OfTenant};
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};
use crate::whole_file::WholeFile;

/// Writes everything that is kept of a user.
pub(super) async fn export(global: &Global, of: &OfTenant, user: &str, to: Option<&Path>) -> Result<()> {
    let user: UserId = user.parse()?;
    let file = to.map(WholeFile::create).transpose()?;
    let helm = open::reading(global, of).await?;
    let export = helm.export_user(&user).await;
    open::close(&helm).await;
    let export = export?;
    if export.is_nothing() {
        output::note(&nothing(&user, &of.tenant));
    }
    let Some(file) = file else {
        return output::json(global.output, &export);
    };
    let mut handle = file.handle()?;
    serde_json::to_writer_pretty(&mut handle, &export)?;
    handle.write_all(b"\n")?;
    file.keep()
}

/// How sure somebody is.
#[derive(Clone, Copy)]
pub(super) struct Ask {
    pub(super) dry_run: bool,
    pub(super) yes: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    user: &'a UserId,
    tenant: &'a TenantId,
    dry_run: bool,
    #[serde(flatten)]
    stored: Forgotten,
    caches_cleared: bool,
}

/// Forgets a user, or counts what that would do.
pub(super) async fn forget(global: &Global, of: &OfTenant, user: &str, ask: Ask) -> Result<()> {
    let (user, tenant): (UserId, &TenantId) = (user.parse()?, &of.tenant);
    if !ask.dry_run && !ask.yes && !std::io::stdin().is_terminal() {
        return Err(Failure::wrong(
            "what is forgotten cannot be brought back; look with --dry-run first, and write --yes to do it",
        ));
    }
    let helm = open::reading(global, of).await?;
    let done = forget_asked(&helm, &user, ask).await;
    open::close(&helm).await;
    let Some(UserForgotten { stored, caches_cleared, .. }) = done? else {
        return Err(Failure::wrong("nothing was done"));
    };
    // Without Redis only this process is told, which has answered nobody.
    let caches_cleared = caches_cleared && open::config(global)?.store.redis_url.is_some();
    if stored.is_nothing() {
        output::note(&nothing(&user, tenant));
    }
    let report = Report { user: &user, tenant, dry_run: ask.dry_run, stored, caches_cleared };
    match global.output {
        Format::Table => output::line(&table(&report)),
        format => output::json(format, &report),
    }
}

/// Whoever mistypes a name must not take it for done.
fn nothing(user: &UserId, tenant: &TenantId) -> String {
    format!("note: nothing is kept of {user} in tenant {tenant}; is the name right?")
}

/// `None` when somebody would rather not.
async fn forget_asked(helm: &Helm, user: &UserId, ask: Ask) -> Result<Option<UserForgotten>> {
    if ask.dry_run {
        let stored = helm.count_user(user).await?;
        return Ok(Some(UserForgotten::counted(stored)));
    }
    if !ask.yes {
        let counted = helm.count_user(user).await?;
        // Of nothing nobody needs to be sure.
        if !counted.is_nothing() && !is_sure(user, &counted)? {
            return Ok(None);
        }
    }
    let bar = output::progress(None, "{spinner} {human_pos} turns, {per_sec}");
    let forgotten = helm.forget_user(user, |so_far: Forgotten| bar.set_position(so_far.turns)).await;
    bar.finish_and_clear();
    Ok(Some(forgotten?))
}

fn is_sure(user: &UserId, counted: &Forgotten) -> Result<bool> {
    let Forgotten { turns, messages, memories, .. } = counted;
    output::note(&format!(
        "{user} has {turns} turns, {messages} messages and {memories} memories. What is forgotten cannot be brought back.\nType the user's name to go on:"
    ));
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    Ok(typed.trim() == user.as_str())
}

fn table(report: &Report<'_>) -> String {
    let Forgotten {
        preferences,
        messages,
        summaries,
        memories,
        jobs,
        turns,
        decisions,
        judgements,
        statistics,
        ..
    } = report.stored;
    let (removed, kept) = match report.dry_run {
        true => ("would be removed", "would be a pseudonym's"),
        false => ("removed", "now a pseudonym's"),
    };
    let rows = [
        ("preferences", preferences, removed),
        ("messages", messages, removed),
        ("summaries", summaries, removed),
        ("memories", memories, removed),
        ("jobs", jobs, removed),
        ("turns, without texts", turns, kept),
        ("decisions", decisions, kept),
        ("judgements", judgements, kept),
        ("rows of statistics", statistics, kept),
    ];
    let rows = rows.map(|(what, count, done)| [what.to_owned(), count.to_string(), done.to_owned()]);
    let mut text = output::texts(["kept", "how many", ""], rows);
    if !report.dry_run && !report.caches_cleared {
        text += "\nServers that run were not told to forget kept answers, because there is no Redis or it did not answer: such \
             answers go when their time is over, or when those servers are started again";
    }
    text
}
