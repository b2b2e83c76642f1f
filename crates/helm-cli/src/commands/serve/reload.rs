//! Changed configurations are taken while the server runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use helm_orchestrator::config::default_path;
use helm_orchestrator::llm::RedactedUrl;
use helm_orchestrator::{Helm, HelmConfig};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::open;

/// How often the files are looked at. Asking them works on every file system, also where a mount hides what happens to it.
const LOOK: Duration = Duration::from_secs(1);
/// What only the next start takes.
const FIXED: [&str; 9] = [
    "/environment",
    "/server",
    "/store",
    "/log",
    "/traces",
    "/metrics",
    "/features/vector_search",
    "/background",
    "/embeddings",
];

/// Takes the configuration again on SIGHUP, and when one of its files has changed and then been left alone for a moment. One
/// that is wrong is refused as a whole, and the present one stays. Ends only when signals cannot be had.
///
/// `taken` is how the files looked when this configuration was read: what was saved while the server started is taken, too.
pub(super) async fn watch(
    global: &Global,
    mut config: HelmConfig,
    mut taken: Prints,
    helm: Helm,
) -> Result<()> {
    for outcome in ["taken", "refused"] {
        // The first one is seen as an increase only of what was there before.
        metrics::counter!("helm_config_reload_total", "outcome" => outcome).increment(0);
    }
    let mut asked = signal(SignalKind::hangup())?;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let path = file(global);
    let was_there = taken.holds(path);
    // What only a start takes is what this one took, however often the file changes.
    let started = Started::of(&config);
    let mut before = taken.clone();
    loop {
        let now = tokio::select! {
            _ = asked.recv() => None,
            _ = looks.tick() => Some(Prints::of(path, &config)),
        };
        let settled = now.as_ref().is_none_or(|now| *now == before && *now != taken);
        if let Some(now) = now {
            before = now;
        }
        if settled {
            // As they are before they are read: what is saved meanwhile is taken next.
            taken = Prints::of(path, &config);
            before = taken.clone();
            let gone = was_there && !path.exists();
            reload(global, (&started, &mut config), &helm, gone.then_some(path)).await;
        }
    }
}

async fn reload(
    global: &Global,
    (started, config): (&Started, &mut HelmConfig),
    helm: &Helm,
    gone: Option<&Path>,
) {
    let next = match gone {
        // Without its file everything would be as usual, and nothing as it was meant.
        Some(path) => Err(Failure::wrong(format!("{} is gone", path.display()))),
        None => take(global, helm).await,
    };
    let outcome = match next {
        Ok(next) => {
            let waiting = started.waiting(&Started::of(&next));
            if !waiting.is_empty() {
                tracing::warn!(sections = %waiting.join(", "), "these parts of the configuration wait for the next start");
            }
            tracing::info!("the changed configuration was taken");
            *config = next;
            "taken"
        }
        Err(error) => {
            tracing::error!(%error, "the changed configuration was refused; the present one stays");
            "refused"
        }
    };
    metrics::counter!("helm_config_reload_total", "outcome" => outcome).increment(1);
}

async fn take(global: &Global, helm: &Helm) -> Result<HelmConfig> {
    let next = open::config(global)?;
    let builder = next.builder(&open::variable)?;
    helm.reload(builder).await.map_err(|error| next.locate(error))?;
    Ok(next)
}

/// The file of the configuration, whether there is one or not.
pub(super) fn file(global: &Global) -> &Path {
    global.config.as_deref().unwrap_or(default_path())
}

/// What a start takes of a configuration, to be compared and not to be told.
struct Started {
    shown: Value,
    /// What is shown of an address is not all of it: another password would look the same.
    addresses: [(&'static str, Option<RedactedUrl>); 4],
}

impl Started {
    fn of(config: &HelmConfig) -> Self {
        Self {
            shown: config.shown().unwrap_or(Value::Null),
            addresses: [
                ("/store", Some(config.store.url.clone())),
                ("/store", config.store.redis_url.clone()),
                ("/traces", config.traces.otlp.clone()),
                ("/embeddings", config.embeddings.base_url.clone()),
            ],
        }
    }

    /// The parts that are otherwise in the next one. This one's stay.
    fn waiting(&self, next: &Self) -> Vec<&'static str> {
        let changed = FIXED.into_iter().filter(|place| self.differs(next, place));
        changed.map(|place| place.trim_start_matches('/')).collect()
    }

    fn differs(&self, next: &Self, place: &str) -> bool {
        let mut addresses = self.addresses.iter().zip(&next.addresses);
        self.shown.pointer(place) != next.shown.pointer(place)
            || addresses.any(|(one, other)| one.0 == place && one.1 != other.1)
    }
}

/// What files look like from outside.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Prints(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Prints {
    /// How these files look now.
    pub(super) fn of(path: &Path, config: &HelmConfig) -> Self {
        let mut files = vec![path.to_owned()];
        for file in config.files() {
            let inside = std::fs::read_dir(&file).into_iter().flatten().flatten().map(|entry| entry.path());
            files.extend(inside);
            files.push(file);
        }
        files.sort();
        let seen = |file: PathBuf| {
            let about = std::fs::metadata(&file).ok();
            let print = about.and_then(|about| Some((about.modified().ok()?, about.len())));
            (file, print)
        };
        Self(files.into_iter().map(seen).collect())
    }

    /// Whether this file was there.
    fn holds(&self, path: &Path) -> bool {
        self.0.iter().any(|(file, print)| file == path && print.is_some())
    }
}
