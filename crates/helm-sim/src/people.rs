use helm_core::{Result, TaskId, UserId};

use crate::random::{normal, text, uniform};
use crate::style::StyleFeatures;

/// How a population is made.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct PopulationConfig {
    /// How many users. Default: 40.
    pub users: usize,
    /// What everything derives from. Default: 1.
    pub seed: u64,
    /// Standard deviation of a single rating around what the user means, in stars. Default: 0.6.
    pub noise: f64,
    /// Standard deviation of a user's tastes around those of their kind. Default: 0.25.
    pub individuality: f64,
}

impl Default for PopulationConfig {
    fn default() -> Self {
        Self { users: 40, seed: 1, noise: 0.6, individuality: 0.25 }
    }
}

impl PopulationConfig {
    /// Sets how many users there are.
    #[must_use]
    pub fn with_users(mut self, users: usize) -> Self {
        self.users = users;
        self
    }

    /// Sets what everything derives from.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// Simulated users whose tastes differ: each task has a few kinds of users, and each user is of one kind for
/// each task, with a deviation of their own.
#[derive(Clone, Debug)]
pub struct Population {
    users: Vec<SimulatedUser>,
}

impl Population {
    /// Makes a population.
    ///
    /// # Errors
    ///
    /// Fails when a standard deviation is not a finite number of at least 0.
    pub fn new(config: PopulationConfig) -> Result<Self> {
        for (what, value) in [("noise", config.noise), ("individuality", config.individuality)] {
            if !(value.is_finite() && value >= 0.0) {
                let accepted = "a finite number of at least 0";
                return Err(helm_core::Error::OutOfRange { what, accepted, value });
            }
        }
        let user = |index| {
            let id = UserId::new(format!("user-{index:03}"))?;
            Ok(SimulatedUser { id, config, seed: config.seed ^ text(&format!("user-{index}")) })
        };
        Ok(Self { users: (0..config.users).map(user).collect::<Result<_>>()? })
    }

    /// The users.
    #[must_use]
    pub fn users(&self) -> &[SimulatedUser] {
        &self.users
    }
}

/// Somebody who reads answers and rates them.
#[derive(Clone, Debug)]
pub struct SimulatedUser {
    id: UserId,
    config: PopulationConfig,
    seed: u64,
}

/// What a kind of users gives for brevity, structure, warmth, formality, an example and a question, in stars,
/// on top of two stars; and how common the kind is.
type Kind = (f64, [f64; 6]);

const KINDS: [Kind; 4] = [
    (0.40, [2.7, 0.0, -0.6, -0.8, -0.4, -0.5]),
    (0.25, [-0.4, 3.3, 0.0, -0.3, 0.2, -0.3]),
    (0.20, [-0.2, -0.4, 2.9, -0.9, 0.0, 0.3]),
    (0.15, [-1.2, -0.3, -0.6, 2.2, 1.0, -0.6]),
];

/// Where every opinion starts.
const BASE: f64 = 1.9;

impl SimulatedUser {
    /// Who it is.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.id
    }

    /// The rating of this answer in this turn, from 1 to 5: what the user means, with noise, rounded.
    #[must_use]
    pub fn rate(&self, task: &TaskId, answer: &str, turn: u64) -> u8 {
        let noise = self.config.noise * normal(self.seed, &[text(task.as_str()), turn]);
        match (self.opinion(task, answer) + noise).round() {
            worst if worst <= 1.0 => 1,
            best if best >= 5.0 => 5,
            between => between as u8,
        }
    }

    /// What the user means, without noise, from 1 to 5.
    #[must_use]
    pub fn expected_rating(&self, task: &TaskId, answer: &str) -> f64 {
        self.opinion(task, answer).clamp(1.0, 5.0)
    }

    fn opinion(&self, task: &TaskId, answer: &str) -> f64 {
        let features = StyleFeatures::of(answer).as_array();
        let task = text(task.as_str());
        let tastes = self.kind(task).1;
        let terms = features.iter().zip(tastes).enumerate().map(|(index, (feature, taste))| {
            let own = self.config.individuality * normal(self.seed, &[task, 1_000 + index as u64]);
            feature * (taste + own)
        });
        BASE + terms.sum::<f64>()
    }

    /// The kind this user is of in this task. Tasks shift the kinds, so that the commonest wish differs.
    fn kind(&self, task: u64) -> Kind {
        let mut left = uniform(self.seed, &[task, 7]);
        let shift = usize::try_from(task % KINDS.len() as u64).unwrap_or(0);
        let mut kinds = KINDS.iter().cycle().skip(shift).take(KINDS.len());
        let shares = KINDS.iter().map(|kind| kind.0);
        for share in shares {
            let Some(kind) = kinds.next() else { break };
            if left < share {
                return *kind;
            }
            left -= share;
        }
        KINDS[0]
    }
}
