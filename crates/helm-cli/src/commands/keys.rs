use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{Clock, SystemClock, TenantId, Timestamp};
use helm_orchestrator::store::{Store, StoredKey};
use helm_server::{ApiKeys, Role};
use serde::Serialize;

use crate::arguments::{Global, KeysCommand};
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};
use crate::when::age;

/// Makes, lists and ends keys.
pub(super) async fn run(global: &Global, command: &KeysCommand) -> Result<()> {
    match command {
        KeysCommand::New { name, role, tenant } => new(global, name, role.as_deref(), tenant.as_deref()),
        KeysCommand::Create { name, role, expires, of } => {
            let expires = expires.as_deref().map(lifetime).transpose()?;
            create(global, name, parsed(role)?, of.tenant.clone(), expires).await
        }
        KeysCommand::List { tenant } => list(global, tenant.as_deref()).await,
        KeysCommand::Rotate { key, overlap, of } => {
            rotate(global, key, &of.tenant, self::overlap(overlap)?).await
        }
        KeysCommand::Revoke { key, of } => revoke(global, key, &of.tenant).await,
    }
}

fn parsed(role: &str) -> Result<Role> {
    role.parse().map_err(|error: helm_server::UnknownRole| Failure::wrong(error.to_string()))
}

/// Ten years, which is longer than anybody remembers a key.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

fn lifetime(text: &str) -> Result<Duration> {
    match age(text).map_err(Failure::wrong)? {
        Duration::ZERO => Err(Failure::wrong("a key that ends at once opens nothing; give it a longer time")),
        lifetime if lifetime > LONGEST => {
            Err(Failure::wrong("a key ends within ten years; leave --expires out for one that does not end"))
        }
        lifetime => Ok(lifetime),
    }
}

/// How long both keys open.
fn overlap(text: &str) -> Result<Duration> {
    let overlap = age(text).map_err(Failure::wrong)?;
    match overlap > LONGEST {
        true => Err(Failure::wrong("the old key ends within ten years")),
        false => Ok(overlap),
    }
}

#[derive(Serialize)]
struct NewKey<'a> {
    name: &'a str,
    key: String,
    entry: String,
}

/// Makes a key for a file. It is shown once and kept nowhere: the server knows its hash alone.
fn new(global: &Global, name: &str, role: Option<&str>, tenant: Option<&str>) -> Result<()> {
    let key = format!("hk_{}_{}", random(4)?, random(32)?);
    let mut entry = ApiKeys::entry(name, &key);
    if role.is_some() || tenant.is_some() {
        entry += &format!(":{}", parsed(role.unwrap_or("admin"))?);
    }
    if let Some(tenant) = tenant {
        entry += &format!(":{}", TenantId::new(tenant)?);
    }
    ApiKeys::parse(&entry)
        .map_err(|_| Failure::wrong("a key's name must have no colon, comma or # in it"))?;
    match global.output {
        Format::Table => {
            output::note(
                "the key, which is shown this once, and its entry for server.keys_file or HELM_API_KEYS:",
            );
            output::line(&key)?;
            output::line(&entry)
        }
        format => output::json(format, &NewKey { name, key, entry }),
    }
}

/// A key as it is shown: all but the key.
#[derive(Serialize)]
struct KeyJson<'a> {
    id: &'a str,
    name: &'a str,
    role: &'a str,
    tenant: &'a TenantId,
    created: Timestamp,
    expires: Option<Timestamp>,
    /// The day of its last use, as its first moment (UTC).
    last_used: Option<Timestamp>,
    active: bool,
}

impl<'a> KeyJson<'a> {
    fn new(key: &'a StoredKey, now: Timestamp) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            role: &key.role,
            tenant: &key.tenant,
            created: key.created,
            expires: key.expires,
            last_used: key.used,
            active: is_active(key, now),
        }
    }
}

/// A new key, which is kept nowhere, and those whose place it takes.
struct Made {
    stored: StoredKey,
    key: String,
    replaced: Vec<StoredKey>,
}

#[derive(Serialize)]
struct MadeJson<'a> {
    key: &'a str,
    #[serde(flatten)]
    about: KeyJson<'a>,
    /// Those whose place it takes, with the ends that they have now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<KeyJson<'a>>,
}

fn is_active(key: &StoredKey, now: Timestamp) -> bool {
    key.expires.is_none_or(|expires| now < expires)
}

/// Makes a key that the database keeps the hash of.
async fn create(
    global: &Global,
    name: &str,
    role: Role,
    tenant: TenantId,
    expires: Option<Duration>,
) -> Result<()> {
    let store = open::config(global)?.location()?.open().await?;
    let now = SystemClock.now();
    let made = add(&store, name, role.as_str(), tenant, expires.map(|lifetime| now.after(lifetime))).await;
    store.close().await;
    show_made(global, &made?)
}

async fn add(
    store: &Arc<dyn Store>,
    name: &str,
    role: &str,
    tenant: TenantId,
    expires: Option<Timestamp>,
) -> Result<Made> {
    if name.trim() != name || name.is_empty() || name.chars().any(char::is_control) {
        return Err(Failure::wrong("a key's name has a letter at least, and no space around it"));
    }
    if name.contains([':', ',', '#']) {
        return Err(Failure::wrong("a key's name must have no colon, comma or # in it"));
    }
    let namesakes = active(store, name, &tenant, SystemClock.now()).await?;
    if let Some(other) = namesakes.iter().find(|key| key.name == name && key.role != role) {
        let message =
            format!("{name} is a key with the role {} already; call this one otherwise", other.role);
        return Err(Failure::wrong(message));
    }
    let id = random(4)?;
    let key = format!("hk_{id}_{}", random(32)?);
    let stored = StoredKey {
        tenant,
        id,
        name: name.to_owned(),
        role: role.to_owned(),
        hash: ApiKeys::hash(&key),
        created: SystemClock.now(),
        expires,
        used: None,
    };
    match store.api_keys().add(&stored).await? {
        true => Ok(Made { stored, key, replaced: Vec::new() }),
        false => Err(Failure::wrong("another key has this id by chance; run this again")),
    }
}

fn show_made(global: &Global, Made { stored, key, replaced }: &Made) -> Result<()> {
    let now = SystemClock.now();
    match global.output {
        Format::Table => {
            let until = stored.expires.map_or_else(String::new, |expires| format!(", until {expires}"));
            output::note(&format!(
                "the key {} ({}, tenant {}{until}), which is shown this once; servers know it within a second:",
                stored.id, stored.role, stored.tenant
            ));
            output::line(key)?;
            replaced.iter().for_each(|old| output::note(&replacement(old, now)));
            Ok(())
        }
        format => {
            let replaced = replaced.iter().map(|old| KeyJson::new(old, now)).collect();
            output::json(format, &MadeJson { key, about: KeyJson::new(stored, now), replaced })
        }
    }
}

/// How long a key that has a successor is good for.
fn replacement(old: &StoredKey, now: Timestamp) -> String {
    match old.expires {
        Some(expires) if now < expires => format!("the key {} opens until {expires}", old.id),
        _ => format!("the key {} opens nothing any more", old.id),
    }
}

async fn list(global: &Global, tenant: Option<&str>) -> Result<()> {
    let tenant = tenant.map(TenantId::new).transpose()?;
    let store = open::store(global).await?;
    let keys = store.api_keys().all().await;
    store.close().await;
    let (mut keys, now) = (keys?, SystemClock.now());
    keys.retain(|key| tenant.as_ref().is_none_or(|tenant| key.tenant == *tenant));
    let shown: Vec<_> = keys.iter().map(|key| KeyJson::new(key, now)).collect();
    if global.output != Format::Table {
        let mut series = output::Series::new(global.output);
        shown.iter().try_for_each(|key| series.value(key))?;
        return series.end();
    }
    let rows = shown.iter().map(|key| {
        let (created, expires) =
            (second(key.created), key.expires.map_or_else(|| "never".to_owned(), second));
        let used = key.last_used.map_or_else(|| "-".to_owned(), day);
        let state = if key.active { "active" } else { "ended" };
        [key.id, key.name, key.role, key.tenant.as_str(), state, &created, &expires, &used].map(str::to_owned)
    });
    let heading = ["id", "name", "role", "tenant", "state", "created", "expires", "used"];
    output::line(&output::texts(heading, rows))
}

/// The day of a moment.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take_while(|char| *char != 'T').collect()
}

/// A moment, without what is less than a second.
fn second(at: Timestamp) -> String {
    Timestamp::from_micros(at.as_seconds().saturating_mul(1_000_000)).to_string()
}

/// A new key of the same name, role and lifetime; the old ones end a while later.
async fn rotate(global: &Global, which: &str, tenant: &TenantId, overlap: Duration) -> Result<()> {
    let store = open::store(global).await?;
    let made = rotated(&store, which, tenant, overlap).await;
    store.close().await;
    show_made(global, &made?)
}

async fn rotated(store: &Arc<dyn Store>, which: &str, tenant: &TenantId, overlap: Duration) -> Result<Made> {
    let now = SystemClock.now();
    let old = active(store, which, tenant, now).await?;
    let newest = old.iter().max_by_key(|key| key.created).ok_or_else(|| none_active(which, tenant))?;
    let namesakes = active(store, &newest.name, tenant, now).await?;
    if let Some(newer) = namesakes.iter().find(|key| key.name == newest.name && key.created > newest.created)
    {
        // What is left of its time is the overlap of its own rotation.
        let message = format!("{which} was replaced by {} already; rotate that, or revoke {which}", newer.id);
        return Err(Failure::wrong(message));
    }
    let lives = newest.expires.map(|expires| expires.as_micros() - newest.created.as_micros());
    let expires = lives.map(|micros| now.after(Duration::from_micros(micros.unsigned_abs())));
    // The new one first: ended here, everybody still has a key.
    let mut made = add(store, &newest.name, &newest.role, tenant.clone(), expires).await?;
    let end = now.after(overlap);
    for mut key in old {
        store.api_keys().end(tenant, &key.id, end).await?;
        // One that ends earlier stays as it is.
        key.expires = Some(key.expires.map_or(end, |expires| expires.min(end)));
        made.replaced.push(key);
    }
    Ok(made)
}

async fn revoke(global: &Global, which: &str, tenant: &TenantId) -> Result<()> {
    let store = open::store(global).await?;
    let ended = revoked(&store, which, tenant).await;
    store.close().await;
    let (ended, now) = (ended?, SystemClock.now());
    match global.output {
        Format::Table => {
            let ids = ended.iter().map(|key| key.id.as_str()).collect::<Vec<_>>().join(", ");
            let verb = if ended.len() == 1 { "opens" } else { "open" };
            output::line(&format!("{ids} {verb} nothing any more, on every server within a second"))
        }
        format => {
            let shown: Vec<_> = ended.iter().map(|key| KeyJson::new(key, now)).collect();
            output::json(format, &shown)
        }
    }
}

async fn revoked(store: &Arc<dyn Store>, which: &str, tenant: &TenantId) -> Result<Vec<StoredKey>> {
    let now = SystemClock.now();
    let mut ended = active(store, which, tenant, now).await?;
    if ended.is_empty() {
        return Err(none_active(which, tenant));
    }
    for key in &mut ended {
        store.api_keys().end(tenant, &key.id, now).await?;
        key.expires = Some(now);
    }
    Ok(ended)
}

/// The tenant's keys of this id, or of this name.
async fn active(
    store: &Arc<dyn Store>,
    which: &str,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<Vec<StoredKey>> {
    let mut keys = store.api_keys().all().await?;
    keys.retain(|key| key.tenant == *tenant && (key.id == which || key.name == which) && is_active(key, now));
    Ok(keys)
}

fn none_active(which: &str, tenant: &TenantId) -> Failure {
    Failure::wrong(format!("tenant {tenant} has no active key {which}; see `helmctl keys list`"))
}

/// This many random bytes in hexadecimal digits.
fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::wrong(format!("no random numbers can be had: {error}")))?;
    let mut text = String::with_capacity(2 * bytes);
    for byte in random {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
