//! A stretch of time that ends now.

use std::time::Duration;

use helm_core::{TaskId, Timestamp};
use helm_orchestrator::Helm;
use helm_orchestrator::store::ActivityQuery;
use serde::Deserialize;

use crate::problem::Problem;
use crate::request::part;

/// Which stretch of time, and in how many slots.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stretch {
    #[serde(default)]
    hours: Option<u32>,
    #[serde(default)]
    slots: Option<u32>,
    #[serde(default)]
    pub(super) task: Option<String>,
}

/// What is offered unasked, in hours: the shortest of them that holds the whole log.
const USUAL: [u32; 4] = [1, 24, 7 * 24, 30 * 24];
/// A hundred years.
const MOST_HOURS: u32 = 876_000;
/// How many slots there are unasked.
const SLOTS: u32 = 48;
const MOST_SLOTS: u32 = 500;

/// A stretch of time as it is answered.
pub(super) struct Cut {
    pub(super) hours: u32,
    pub(super) step: Duration,
    pub(super) query: ActivityQuery,
}

impl Stretch {
    /// The stretch up to the end of the present slot. Slots begin at multiples of their length.
    pub(super) async fn cut(&self, helm: &Helm) -> Result<Cut, Problem> {
        let slots = checked("slots", self.slots.unwrap_or(SLOTS), MOST_SLOTS)?;
        let now = helm.now();
        let hours = match self.hours {
            Some(hours) => checked("hours", hours, MOST_HOURS)?,
            None => usual(helm.log_begins().await?, now, slots),
        };
        let step = (u64::from(hours) * 3_600_000).div_ceil(slots.into());
        let length = i64::try_from(step).map_err(|_| Problem::inside())?;
        let end = (now.as_micros() / 1_000).div_euclid(length).saturating_add(1).saturating_mul(length);
        let since = end.saturating_sub(length.saturating_mul(slots.into())).max(0);
        let step = Duration::from_millis(step);
        let since = Timestamp::from_micros(since.saturating_mul(1_000));
        let query = ActivityQuery::new(since, step, slots)
            .map_err(|error| Problem::wrong("hours", error.to_string()))?;
        let query = match &self.task {
            Some(task) => query.with_task(part::<TaskId>("task", task)?),
            None => query,
        };
        Ok(Cut { hours, step, query })
    }
}

fn checked(name: &'static str, asked: u32, most: u32) -> Result<u32, Problem> {
    match asked {
        1.. if asked <= most => Ok(asked),
        _ => Err(Problem::wrong(name, format!("{asked} is not from 1 to {most}"))),
    }
}

fn usual(begins: Option<Timestamp>, now: Timestamp, slots: u32) -> u32 {
    let [shortest, .., longest] = USUAL;
    let Some(begins) = begins else { return shortest };
    let age = now.since(begins);
    // The slot that runs lies partly in the future.
    let holds = |hours: &u32| age < Duration::from_secs(u64::from(*hours) * 3_600) * (slots - 1) / slots;
    USUAL.into_iter().find(holds).unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_usual_stretch_that_holds_the_log_is_offered() {
        let now = Timestamp::from_micros(1_000_000 * 3_600 * 24 * 365);
        let ago = |hours: i64| Some(Timestamp::from_micros(now.as_micros() - hours * 3_600 * 1_000_000));
        assert_eq!(usual(None, now, 48), 1);
        assert_eq!(usual(ago(0), now, 48), 1);
        assert_eq!(usual(ago(1), now, 48), 24);
        assert_eq!(usual(ago(30), now, 48), 168);
        assert_eq!(usual(ago(24 * 300), now, 48), 720);
        assert_eq!(usual(ago(13), now, 2), 168, "half of a day may be to come");
    }
}
