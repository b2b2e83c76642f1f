#![expect(clippy::indexing_slicing, reason = "indices run over beliefs")]

use super::{Belief, Rule};
use crate::error::{Error, Result};
use crate::special::half_normal_between;

/// The largest posterior mean + z · deviation with one z for all strategies, drawn as w |N(0, 1)|: as frugal as
/// a confidence bound, and still a draw with a known law (Vaswani, Mehrabian, Durand & Kveton 2020, "RandUCB",
/// with a half-normal z). The probability of a strategy is that of the z for which its line is the upper
/// envelope, so it is exact.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RandomizedUcb {
    width: f64,
}

impl RandomizedUcb {
    /// The rule with this w.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `width` is not in (0, 10].
    pub fn new(width: f64) -> Result<Self> {
        if width > 0.0 && width <= 10.0 {
            return Ok(Self { width });
        }
        Err(Error::InvalidParameter {
            parameter: "width",
            accepted: "above 0 and at most 10",
            value: width.to_string(),
        })
    }
}

impl Rule for RandomizedUcb {
    /// Walks along the envelope from z = 0: from the line on top to the one that next crosses it.
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        let line = |index: usize| {
            let posterior = &beliefs[index].posterior;
            (posterior.mean(), posterior.spread())
        };
        out.fill(0.0);
        let mut top = 0;
        for index in 1..beliefs.len() {
            if line(index) > line(top) {
                top = index;
            }
        }
        let mut from = 0.0;
        loop {
            let (mean, slope) = line(top);
            let mut next: Option<(f64, f64, usize)> = None;
            for index in 0..beliefs.len() {
                let (other, steeper) = line(index);
                if steeper > slope {
                    let at = ((mean - other) / (steeper - slope)).max(from);
                    // Of lines that cross at one point the steepest goes on.
                    if next.is_none_or(|(z, best, _)| at < z || (at == z && steeper > best)) {
                        next = Some((at, steeper, index));
                    }
                }
            }
            let until = next.map_or(f64::INFINITY, |(at, _, _)| at);
            let mass = half_normal_between(from / self.width, until / self.width);
            let ties = (0..beliefs.len()).filter(|index| line(*index) == (mean, slope)).count() as f64;
            for (index, out) in out.iter_mut().enumerate() {
                if line(index) == (mean, slope) {
                    *out += mass / ties;
                }
            }
            let Some((at, _, index)) = next else {
                return Ok(());
            };
            (from, top) = (at, index);
        }
    }
}
