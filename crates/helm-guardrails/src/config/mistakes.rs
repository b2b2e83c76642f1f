//! All that is wrong with guardrails, at once.

use helm_core::Stage;

use super::{GuardrailConfig, everywhere, of_category, of_entity};
use crate::builder::GuardrailBuilder;
use crate::error::{Error, Result};
use crate::policy::StagePolicy;
use crate::profanity::ProfanityFilter;

/// A mistake, and where it is.
type Placed = (String, Error);

impl GuardrailConfig {
    /// Every rule that is refused, and the first refused entry of each list, with its place, such as `input.entities.EMAIL`.
    /// What shows only where all is put together, [`builder`](Self::builder) and its `build` tell.
    #[must_use]
    pub fn mistakes(&self) -> Vec<(String, Error)> {
        let mut found = self.wrong_words();
        if self.max_bytes == Some(0) {
            found.push(("max_bytes".to_owned(), Error::InvalidLength));
        }
        for stage in Stage::ALL {
            self.add_wrong(stage, &mut found);
        }
        found
    }

    fn wrong_words(&self) -> Vec<Placed> {
        let lists = [
            ("banned_words", ProfanityFilter::with_words(&self.banned_words, &[])),
            ("allowed_words", ProfanityFilter::with_words(&[], &self.allowed_words)),
        ];
        let wrong = lists.into_iter().filter_map(|(place, words)| Some((place.to_owned(), words.err()?)));
        wrong.collect()
    }

    fn add_wrong(&self, stage: Stage, found: &mut Vec<Placed>) {
        let profanity = ProfanityFilter::new();
        let mut builder = everywhere(&profanity);
        match self.stage(stage).detectors(stage, &profanity) {
            Ok(detectors) => {
                builder = detectors.into_iter().fold(builder, |all, one| all.detector_at(stage, one));
            }
            Err(error) => found.push((stage.as_str().to_owned(), error)),
        }
        for (place, policy) in self.rules_alone(stage) {
            let checked = policy.and_then(|policy| self.check_alone(builder.clone(), stage, policy));
            found.extend(checked.err().map(|error| (format!("{}.{place}", stage.as_str()), error)));
        }
    }

    /// Each rule of a stage as if there were no other.
    fn rules_alone(&self, stage: Stage) -> Vec<(String, Result<StagePolicy>)> {
        let given = self.stage(stage);
        let rules = given.categories().into_iter().filter_map(|(category, rule)| Some((category, rule?)));
        let rules = rules.map(|(category, rule)| {
            (category.as_str().to_owned(), of_category(StagePolicy::new(), category, rule))
        });
        let entities = given.entities.iter().map(|(entity, rule)| {
            (format!("entities.{entity}"), of_entity(StagePolicy::new(), entity, *rule))
        });
        rules.chain(entities).collect()
    }

    /// A key that is named and missing is another mistake than that of the rule which needs it.
    fn check_alone(&self, builder: GuardrailBuilder, stage: Stage, policy: StagePolicy) -> Result<()> {
        let builder = match &self.pseudonym_key {
            Some(key) => builder.pseudonym_key(key.clone()),
            None => builder,
        };
        match builder.stage(stage, policy).check() {
            Err(Error::MissingKey) if self.pseudonym_key_env.is_some() => Ok(()),
            checked => checked,
        }
    }
}
