use std::time::Duration;

use helm_core::{Score, UnitInterval};

use crate::error::{Error, Result};
use crate::metrics::chrf;

/// What a person did with an answer: said what they think, changed it, or went on in a way that tells something.
///
/// | signal | value | confidence |
/// |---|---|---|
/// | [`Thumbs`](Self::Thumbs) | 1 or 0 | .9 |
/// | [`Rating`](Self::Rating) | from 1, which is 0, to 5, which is 1 | 1 |
/// | [`Edited`](Self::Edited) | how much of the answer is left, by [`chrf`](crate::metrics::chrf()) | .7 |
/// | [`Copied`](Self::Copied) | .8 | .3 |
/// | [`Thanked`](Self::Thanked) | .85 | .4 |
/// | [`Rephrased`](Self::Rephrased) | .2 | .4 |
/// | [`Regenerated`](Self::Regenerated) | .15 | .5 |
/// | [`Abandoned`](Self::Abandoned) | .35 after ten seconds or more, .25 before | .2 |
///
/// The values of what is implicit are guesses of an order, and so unsure; calibrate them on your own ratings before much
/// depends on them.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum HumanSignal<'a> {
    /// Thumbs up, or down.
    Thumbs(bool),
    /// From 1, worst, to 5, best.
    Rating(f64),
    /// The answer as it was, and what the person made of it before it was used.
    Edited {
        /// As it was.
        answer: &'a str,
        /// As it was used.
        used: &'a str,
    },
    /// It was copied.
    Copied,
    /// The next message was one of thanks.
    Thanked,
    /// The next message asked the same in other words.
    Rephrased,
    /// Another answer to the same message was asked for.
    Regenerated,
    /// The person left while the answer was written or just after, so long after it began.
    Abandoned(Duration),
}

impl HumanSignal<'_> {
    /// What it says of the answer.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] for a rating that is not from 1 to 5.
    pub fn score(&self) -> Result<Score> {
        let (value, confidence) = match *self {
            Self::Thumbs(up) => (f64::from(u8::from(up)), 0.9),
            Self::Rating(rating) if (1.0..=5.0).contains(&rating) => ((rating - 1.0) / 4.0, 1.0),
            Self::Rating(_) => return Err(Error::NotFinite { what: "a rating, which is from 1 to 5" }),
            Self::Edited { answer, used } if answer.trim() == used.trim() => (1.0, 0.7),
            Self::Edited { answer, used } => (chrf(answer, used), 0.7),
            Self::Copied => (0.8, 0.3),
            Self::Thanked => (0.85, 0.4),
            Self::Rephrased => (0.2, 0.4),
            Self::Regenerated => (0.15, 0.5),
            Self::Abandoned(after) if after >= Duration::from_secs(10) => (0.35, 0.2),
            Self::Abandoned(_) => (0.25, 0.2),
        };
        Ok(Score::new(UnitInterval::clamped(value)?, UnitInterval::clamped(confidence)?))
    }
}
