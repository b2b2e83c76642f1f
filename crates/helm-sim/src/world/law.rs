use serde::Deserialize;

use super::episode::Episode;
use crate::random::Stream;

/// Rewards that follow a law. Streams, steps and indices of the generator are those of the published
/// environments, so that runs can be compared with other programs'.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Law {
    /// 1 with a strategy's probability, else 0.
    Bernoulli {
        /// Steps.
        #[serde(rename = "T")]
        horizon: usize,
        /// Probabilities by strategy.
        means: Vec<f64>,
    },
    /// The same, with probabilities that jump.
    BernoulliSegments {
        /// Steps.
        #[serde(rename = "T")]
        horizon: usize,
        /// In order of their first step.
        segments: Vec<Segment>,
    },
    /// The same, with probabilities that move in straight lines between knots.
    BernoulliKnots {
        /// Steps.
        #[serde(rename = "T")]
        horizon: usize,
        /// In order of their step.
        knots: Vec<Knot>,
    },
    /// A mean with normal noise, cut to \[0, 1\]. Regret is measured against the seed's own mean rewards.
    Gaussclip {
        /// Steps.
        #[serde(rename = "T")]
        horizon: usize,
        /// Means before cutting, by strategy.
        means: Vec<f64>,
        /// Standard deviations before cutting, by strategy.
        sd: Vec<f64>,
    },
    /// One half plus half the product of a strategy's direction with a context of unit length, with noise.
    Linear {
        /// Steps.
        #[serde(rename = "T")]
        horizon: usize,
        /// Features.
        d: usize,
        /// Directions by strategy.
        theta: Vec<Vec<f64>>,
        /// The noise's standard deviation.
        sd: f64,
    },
    /// Users with probabilities of their own.
    Users {
        /// Steps.
        #[serde(rename = "T")]
        horizon: usize,
        /// The distribution function over users: who comes how often.
        user_cdf: Vec<f64>,
        /// Probabilities by user, then strategy.
        user_means: Vec<Vec<f64>>,
    },
}

/// A stretch of constant probabilities.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Segment {
    /// Its first step.
    pub start: usize,
    /// Probabilities by strategy.
    pub means: Vec<f64>,
}

/// Probabilities at one step.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Knot {
    /// The step.
    pub t: usize,
    /// Probabilities by strategy.
    pub means: Vec<f64>,
}

impl Law {
    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let rows: Vec<&[f64]> = match self {
            Self::Bernoulli { means, .. } => vec![means],
            Self::Gaussclip { means, sd, .. } => vec![means, sd],
            Self::BernoulliSegments { segments, .. } => segments.iter().map(|s| &s.means[..]).collect(),
            Self::BernoulliKnots { knots, .. } => knots.iter().map(|knot| &knot.means[..]).collect(),
            Self::Linear { theta, .. } => theta.iter().map(Vec::as_slice).collect(),
            Self::Users { user_means, .. } => user_means.iter().map(Vec::as_slice).collect(),
        };
        let width = rows.first().map_or(0, |row| row.len());
        if width == 0 || rows.iter().any(|row| row.len() != width) {
            return Some("its lists of means are empty or differ in length".to_owned());
        }
        if !rows.iter().all(|row| row.iter().all(|value| value.is_finite())) {
            return Some("a mean is not a finite number".to_owned());
        }
        match self {
            Self::Linear { d, .. } if *d != width => {
                Some(format!("`theta` has {width} features, `d` is {d}"))
            }
            Self::Users { user_cdf, user_means, .. } if user_cdf.len() != user_means.len() => {
                Some("`user_cdf` and `user_means` differ in length".to_owned())
            }
            Self::BernoulliSegments { segments, .. } if segments.first().is_none_or(|s| s.start != 0) => {
                Some("the first segment does not start at 0".to_owned())
            }
            _ => None,
        }
    }

    /// The range that its rewards lie in, whatever the seed.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        match self {
            // Twelve uniforms less six stay within ±6.
            Self::Linear { theta, sd, .. } => {
                let length = |row: &Vec<f64>| libm::sqrt(row.iter().map(|part| part * part).sum());
                let reach = 0.5 * theta.iter().map(length).fold(0.0, f64::max) + 6.0 * sd;
                (0.5 - reach, 0.5 + reach)
            }
            _ => (0.0, 1.0),
        }
    }

    /// Plays one seed out.
    #[must_use]
    pub fn episode(&self, seed: u64) -> Episode {
        let mut episode = match self {
            Self::Bernoulli { horizon, means } => bernoulli(seed, vec![means.clone(); *horizon]),
            Self::BernoulliSegments { horizon, segments } => {
                bernoulli(seed, (0..*horizon).map(|step| in_segment(segments, step)).collect())
            }
            Self::BernoulliKnots { horizon, knots } => {
                bernoulli(seed, (0..*horizon).map(|step| between_knots(knots, step)).collect())
            }
            Self::Gaussclip { horizon, means, sd } => cut_normal(seed, *horizon, means, sd),
            Self::Linear { horizon, d, theta, sd } => linear(seed, *horizon, *d, theta, *sd),
            Self::Users { horizon, user_cdf, user_means } => users(seed, *horizon, user_cdf, user_means),
        };
        episode.arms = episode.means.first().map_or(0, Vec::len);
        episode.range = self.range();
        episode
    }
}

fn indexed<T>(items: &[T]) -> impl Iterator<Item = (u64, &T)> {
    (0_u64..).zip(items)
}

fn bernoulli(seed: u64, means: Vec<Vec<f64>>) -> Episode {
    let stream = Stream::new(seed, 0);
    let reward = |step, (arm, mean): (u64, &f64)| f64::from(stream.uniform(step, arm) < *mean);
    let rewards = indexed(&means).map(|(step, row)| indexed(row).map(|arm| reward(step, arm)).collect());
    Episode { rewards: rewards.collect(), means, ..Episode::default() }
}

fn in_segment(segments: &[Segment], step: usize) -> Vec<f64> {
    let segment = segments.iter().rev().find(|segment| segment.start <= step);
    segment.map_or_else(Vec::new, |segment| segment.means.clone())
}

fn between_knots(knots: &[Knot], step: usize) -> Vec<f64> {
    let before = knots.iter().rev().find(|knot| knot.t <= step).or(knots.first());
    let after = knots.iter().find(|knot| knot.t > step);
    match (before, after) {
        (Some(before), Some(after)) if after.t > before.t => {
            let share = step.saturating_sub(before.t) as f64 / (after.t - before.t) as f64;
            before.means.iter().zip(&after.means).map(|(a, b)| a + share * (b - a)).collect()
        }
        (Some(only), _) => only.means.clone(),
        (None, _) => Vec::new(),
    }
}

fn cut_normal(seed: u64, horizon: usize, means: &[f64], sd: &[f64]) -> Episode {
    let stream = Stream::new(seed, 2);
    let row = |step: u64| -> Vec<f64> {
        let arms = indexed(means).zip(sd);
        arms.map(|((arm, mean), sd)| (mean + sd * stream.normal(step, arm)).clamp(0.0, 1.0)).collect()
    };
    let rewards: Vec<Vec<f64>> = (0..horizon as u64).map(row).collect();
    let average =
        |arm: usize| rewards.iter().filter_map(|row| row.get(arm)).sum::<f64>() / horizon.max(1) as f64;
    let averages: Vec<f64> = (0..means.len()).map(average).collect();
    Episode { means: vec![averages; horizon], rewards, ..Episode::default() }
}

fn linear(seed: u64, horizon: usize, d: usize, theta: &[Vec<f64>], sd: f64) -> Episode {
    let (features, noise) = (Stream::new(seed, 1), Stream::new(seed, 2));
    let mut episode = Episode::default();
    for step in 0..horizon as u64 {
        let raw: Vec<f64> = (0..d as u64).map(|feature| features.normal(step, feature)).collect();
        let length = libm::sqrt(raw.iter().fold(0.0, |sum, x| sum + x * x));
        let context: Vec<f64> = raw.iter().map(|x| x / length).collect();
        let product = |row: &Vec<f64>| context.iter().zip(row).fold(0.0, |sum, (x, part)| sum + x * part);
        let means: Vec<f64> = theta.iter().map(|row| 0.5 + 0.5 * product(row)).collect();
        let rewards = indexed(&means).map(|(arm, mean)| mean + sd * noise.normal(step, arm)).collect();
        episode.contexts.push(context);
        episode.means.push(means);
        episode.rewards.push(rewards);
    }
    episode
}

fn users(seed: u64, horizon: usize, cdf: &[f64], means: &[Vec<f64>]) -> Episode {
    let who = Stream::new(seed, 3);
    let last = means.len().saturating_sub(1);
    let user = |step| cdf.partition_point(|upper| *upper <= who.uniform(step, 0)).min(last);
    let users: Vec<usize> = (0..horizon as u64).map(user).collect();
    let by_step = users.iter().map(|user| means.get(*user).cloned().unwrap_or_default()).collect();
    Episode { users, ..bernoulli(seed, by_step) }
}
