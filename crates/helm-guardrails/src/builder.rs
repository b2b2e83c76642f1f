use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{Category, PolicyHash, Stage};

use crate::detector::Detector;
use crate::engine::{GuardrailEngine, Rewrite};
use crate::error::{Error, Result};
use crate::key::PseudonymKey;
use crate::plan::Plan;
use crate::policy::{RedactStyle, Rule, StagePolicy};
#[cfg(feature = "remote")]
use crate::remote::{Remote, RemoteCheck, RemoteLimits};

/// Puts an engine together. Without rules nothing is done about anything.
#[must_use = "a builder does nothing until it is built"]
#[derive(Clone)]
pub struct GuardrailBuilder {
    detectors: Vec<(Option<Stage>, Arc<dyn Detector>)>,
    stages: BTreeMap<Stage, StagePolicy>,
    max_bytes: usize,
    monitor: bool,
    timing: bool,
    key: Option<PseudonymKey>,
    rewrite: Option<Rewrite>,
    #[cfg(feature = "remote")]
    remote: Vec<(Arc<dyn RemoteCheck>, RemoteLimits)>,
}

/// Longer texts are blocked unless the engine is told otherwise.
pub(crate) const MAX_BYTES: usize = 1 << 20;

impl Default for GuardrailBuilder {
    fn default() -> Self {
        Self {
            detectors: Vec::new(),
            stages: BTreeMap::new(),
            max_bytes: MAX_BYTES,
            monitor: false,
            timing: false,
            key: None,
            rewrite: None,
            #[cfg(feature = "remote")]
            remote: Vec::new(),
        }
    }
}

impl GuardrailBuilder {
    /// Adds a detector. Of findings that are equally sure and in the same place, that of the detector that was added
    /// first counts, so add the more specific ones first.
    pub fn detector(mut self, detector: Arc<dyn Detector>) -> Self {
        self.detectors.push((None, detector));
        self
    }

    /// Adds a detector for one stage alone, such as a schema that answers must have.
    pub fn detector_at(mut self, stage: Stage, detector: Arc<dyn Detector>) -> Self {
        self.detectors.push((Some(stage), detector));
        self
    }

    /// Sets everything that is done at a stage.
    pub fn stage(mut self, stage: Stage, policy: StagePolicy) -> Self {
        self.stages.insert(stage, policy);
        self
    }

    /// Sets what is done about a category at a stage.
    pub fn rule(mut self, stage: Stage, category: Category, rule: Rule) -> Self {
        let policy = self.stages.remove(&stage).unwrap_or_default();
        self.stages.insert(stage, policy.with_rule(category, rule));
        self
    }

    /// Sets the longest text that is accepted, in bytes; a longer one is blocked. Default: 1 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// In monitor mode everything is recorded and nothing is changed, at any stage. Texts that are too long are
    /// blocked all the same: nothing could be recorded of them.
    pub fn monitor(mut self) -> Self {
        self.monitor = true;
        self
    }

    /// Measures how long each detector takes. Default: only remote checks are measured.
    pub fn timing(mut self) -> Self {
        self.timing = true;
        self
    }

    /// The key for [`RedactStyle::Pseudonym`].
    pub fn pseudonym_key(mut self, key: PseudonymKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Writes a whole text anew where a rule says rewrite: given the text and its violations it returns another, or
    /// `None`. What it returns is checked, and passes only when nothing in it must be blocked, asked about or
    /// rewritten again. A stream is stopped instead. Default: nothing passes, and the caller may have it rewritten.
    pub fn rewrite(mut self, rewrite: Rewrite) -> Self {
        self.rewrite = Some(rewrite);
        self
    }

    /// Adds a check that somebody else makes. All of a stage are asked at once, when the detectors here have blocked
    /// nothing, by [`check_async`](GuardrailEngine::check_async) and
    /// [`StreamGuard::finish_async`](crate::StreamGuard::finish_async). What does not wait for them takes them for
    /// failed.
    #[cfg(feature = "remote")]
    pub fn remote(mut self, check: Arc<dyn RemoteCheck>, limits: RemoteLimits) -> Self {
        self.remote.push((check, limits));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error`] when a threshold or length is out of range, two detectors of a stage share an id, or pseudonyms are
    /// asked for without a key.
    pub fn build(self) -> Result<GuardrailEngine> {
        self.check()?;
        Ok(self.assembled())
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.max_bytes == 0 {
            return Err(Error::InvalidLength);
        }
        #[cfg(feature = "remote")]
        self.check_remote()?;
        for policy in self.stages.values() {
            policy.check()?;
            if policy.uses(RedactStyle::Pseudonym) && self.key.is_none() {
                return Err(Error::MissingKey);
            }
        }
        for stage in Stage::ALL {
            let detectors = self.detectors_of(stage);
            self.check_entities(stage, &detectors)?;
            for (index, detector) in detectors.iter().enumerate() {
                if detectors.iter().take(index).any(|earlier| earlier.id() == detector.id()) {
                    return Err(Error::DuplicateDetector { id: detector.id().to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Where all detectors tell what they find, a rule for something else is a slip of the pen.
    fn check_entities(&self, stage: Stage, detectors: &[Arc<dyn Detector>]) -> Result<()> {
        let told: Vec<_> = detectors.iter().map(|detector| detector.entities()).collect();
        let Some(policy) = self.stages.get(&stage).filter(|_| told.iter().all(|told| !told.is_empty()))
        else {
            return Ok(());
        };
        match policy.entities().find(|entity| !told.iter().flatten().any(|known| known == entity)) {
            Some(unknown) => Err(Error::UnknownEntity { entity: unknown.to_owned() }),
            None => Ok(()),
        }
    }

    pub(crate) fn assembled(mut self) -> GuardrailEngine {
        if self.monitor {
            self.stages =
                self.stages.into_iter().map(|(stage, policy)| (stage, policy.monitored())).collect();
        }
        let version: Arc<str> = self.version().as_str().into();
        #[cfg(feature = "remote")]
        let remote: Vec<_> = std::mem::take(&mut self.remote)
            .into_iter()
            .map(|(check, limits)| Arc::new(Remote::new(check, limits)))
            .collect();
        let plans = Stage::ALL.map(|stage| {
            let policy = self.stages.get(&stage).cloned().unwrap_or_default();
            let detectors = self.detectors_of(stage);
            let (key, version) = (self.key.clone(), Arc::clone(&version));
            let plan = Plan::new(stage, policy, &detectors, key, version, self.timing);
            #[cfg(feature = "remote")]
            let plan = plan.with_remote(&remote);
            Arc::new(plan)
        });
        GuardrailEngine::new(plans, self.max_bytes, self.rewrite)
    }

    #[cfg(feature = "remote")]
    fn check_remote(&self) -> Result<()> {
        for (place, (check, limits)) in self.remote.iter().enumerate() {
            if limits.concurrency == 0 {
                return Err(Error::NoConcurrency { id: check.id().to_owned() });
            }
            let mut others = self.remote.iter().take(place).map(|(other, _)| other.id());
            if others.any(|id| id == check.id())
                || self.detectors.iter().any(|(_, other)| other.id() == check.id())
            {
                return Err(Error::DuplicateDetector { id: check.id().to_owned() });
            }
        }
        Ok(())
    }

    fn detectors_of(&self, stage: Stage) -> Vec<Arc<dyn Detector>> {
        let wanted = self.detectors.iter().filter(|(only, _)| only.is_none_or(|only| only == stage));
        wanted.map(|(_, detector)| Arc::clone(detector)).collect()
    }

    fn version(&self) -> PolicyHash {
        let parts: Vec<_> = self
            .detectors
            .iter()
            .map(|(stage, part)| (stage, part.id().to_owned(), part.settings()))
            .collect();
        let key = self.key.as_ref().map(PseudonymKey::fingerprint);
        #[cfg(feature = "remote")]
        let remote: Vec<_> =
            self.remote.iter().map(|(check, limits)| (check.id(), check.settings(), limits)).collect();
        #[cfg(not(feature = "remote"))]
        let remote: [(); 0] = [];
        PolicyHash::of(&format!("{parts:?} {:?} {} {key:?} {remote:?}", self.stages, self.max_bytes))
    }
}
