use std::collections::BTreeMap;

use super::check;
use crate::error::{Error, Result};

/// Groups with fewer ratings than this borrow the width of all.
const LEAST_OF_GROUP: usize = 20;

/// How far a person's judgement may be from a score: an interval that holds it at a stated rate, whatever the
/// distribution, group by group.
///
/// Split conformal prediction (Papadopoulos et al., "Inductive confidence machines for regression", 2002; Lei et al.,
/// "Distribution-free predictive inference for regression", 2018, algorithm 2) with a quantile for each group as in
/// Mondrian prediction (Vovk, Lindsay, Nouretdinov and Gammerman, 2003). Groups of fewer than 20 ratings, and those that
/// were not seen, get the width of all.
#[derive(Clone, PartialEq, Debug)]
pub struct Conformal<G: Ord> {
    widths: BTreeMap<G, f64>,
    all: f64,
}

impl<G: Ord + Clone> Conformal<G> {
    /// From the distances between scores and judgements of answers that the scores were not fitted on. `level` is how
    /// often an interval should hold the judgement, above 0 and below 1.
    ///
    /// # Errors
    ///
    /// Fails for lists of different length, no ratings, values that are no numbers, and a level out of range.
    pub fn fit(groups: &[G], scores: &[f64], people: &[f64], level: f64) -> Result<Self> {
        check("a conformal interval", scores, people, 1)?;
        if groups.len() != scores.len() {
            return Err(Error::LengthMismatch { left: groups.len(), right: scores.len() });
        }
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::NotFinite { what: "a level, which is above 0 and below 1" });
        }
        let distances: Vec<f64> =
            scores.iter().zip(people).map(|(score, person)| (score - person).abs()).collect();
        let mut grouped: BTreeMap<G, Vec<f64>> = BTreeMap::new();
        for (group, distance) in groups.iter().zip(&distances) {
            grouped.entry(group.clone()).or_default().push(*distance);
        }
        grouped.retain(|_, distances| distances.len() >= LEAST_OF_GROUP);
        let widths = grouped.into_iter().map(|(group, distances)| (group, width(distances, level))).collect();
        Ok(Self { widths, all: width(distances, level) })
    }

    /// Half the width of the interval in a group, in units of the score. Infinite when there were too few ratings to
    /// promise the level at all.
    #[must_use]
    pub fn half_width(&self, group: &G) -> f64 {
        self.widths.get(group).copied().unwrap_or(self.all)
    }
}

/// The smallest distance that at least `level` of n + 1 exchangeable ones do not exceed.
fn width(mut distances: Vec<f64>, level: f64) -> f64 {
    distances.sort_by(f64::total_cmp);
    let rank = (level * (distances.len() + 1) as f64).ceil() as usize;
    distances.get(rank.saturating_sub(1)).copied().unwrap_or(f64::INFINITY)
}
