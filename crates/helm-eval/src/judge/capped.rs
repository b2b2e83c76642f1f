use async_trait::async_trait;
use helm_core::{EvaluatorName, NanoUsd};
use helm_llm::Call;

use super::{Judged, Judging};
use crate::exchange::Exchange;
use crate::needs::Needs;

/// Asks a judge only when a judgement of all its members together can cost no more than this.
pub struct Capped<J> {
    judge: J,
    most: NanoUsd,
}

impl<J: Judging> Capped<J> {
    /// A judge that may cost so much a judgement.
    #[must_use]
    pub const fn new(judge: J, most: NanoUsd) -> Self {
        Self { judge, most }
    }
}

#[async_trait]
impl<J: Judging> Judging for Capped<J> {
    fn name(&self) -> &EvaluatorName {
        self.judge.name()
    }

    fn needs(&self) -> Needs {
        self.judge.needs()
    }

    fn identity(&self) -> String {
        self.judge.identity()
    }

    fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd> {
        self.judge.most(exchange)
    }

    async fn judge(&self, exchange: &Exchange<'_>, call: &Call) -> Judged {
        match affordable(self.judge.most(exchange), self.most) {
            Ok(()) => self.judge.judge(exchange, call).await,
            Err(why) => Judged::failed(why),
        }
    }
}

/// Whether what could cost so much may be asked for.
pub(super) fn affordable(could: Option<NanoUsd>, most: NanoUsd) -> Result<(), String> {
    match could {
        None => {
            Err("what the judge costs is not known, so it may not be asked; give its model prices".to_owned())
        }
        Some(could) if could > most => {
            let [could, most] = [could, most].map(NanoUsd::dollars);
            Err(format!("a judgement could cost ${could:.6}, more than the ${most:.6} that it may"))
        }
        Some(_) => Ok(()),
    }
}
