use crate::error::{Error, Result};

/// Watches whether the mean of a stream of numbers moves, up or down: of the distance between what people say and what a reward
/// said, so that a reward which no longer says what people say is noticed.
///
/// The Page-Hinkley test (Page, "Continuous inspection schemes", 1954; Hinkley, 1971) on values in standard deviations around
/// their running mean. Values are on the scale of rewards, or differences of such: a standard deviation counts as .1 at least, so
/// that ratings which were all alike for a while are no reason for an alarm, and no value counts for more than 2.5 of them.
///
/// With the defaults, independent values that do not move give an alarm in 1 to 4 of 100 streams of 1,000 (simulated: normal 1.4,
/// uniform 1.9, thumbs of which four fifths are up 3.5, nearly all up 0); a move by one standard deviation is noticed after some
/// 25 to 40 values. The first 30 only tell the mean and the spread. After an alarm it begins anew.
///
/// ```
/// use helm_eval::stats::Drift;
///
/// let mut drift = Drift::default();
/// let steady = (0..100).map(|n| f64::from(n * 7 % 10) / 10.0);
/// let moved = (0..60).map(|n| f64::from(n * 7 % 10) / 10.0 + 0.6);
/// let alarms: Vec<usize> = steady.chain(moved).enumerate().filter_map(|(place, value)| {
///     drift.observe(value).ok().flatten().map(|_| place)
/// }).collect();
/// assert_eq!(alarms.len(), 1);
/// assert!((100..130).contains(&alarms[0]));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Drift {
    tolerated: f64,
    threshold: f64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct State {
    count: f64,
    mean: f64,
    /// The sum of squared distances from the mean.
    squares: f64,
    /// How far the sums have come from where they were least.
    up: f64,
    down: f64,
}

/// Which way a mean has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// It is greater than it was.
    Up,
    /// It is less.
    Down,
}

/// Values that only tell the mean and the spread.
const FIRST: f64 = 30.0;
/// Values are held to be spread at least so much: rare ones may not have been seen yet.
const LEAST_SPREAD: f64 = 0.1;
/// So many standard deviations count for a value at most: one alone must not give an alarm.
const FARTHEST: f64 = 2.5;

impl Default for Drift {
    /// Moves of a quarter of a standard deviation are tolerated, and the sum of what goes beyond must reach 18.
    fn default() -> Self {
        Self { tolerated: 0.25, threshold: 18.0, state: State::default() }
    }
}

impl Drift {
    /// A watch that tolerates moves of so many standard deviations, and gives an alarm when what goes beyond sums up to
    /// `threshold` of them.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] unless both are numbers above 0.
    pub fn new(tolerated: f64, threshold: f64) -> Result<Self> {
        let fits = |value: f64| value.is_finite() && value > 0.0;
        if !fits(tolerated) || !fits(threshold) {
            return Err(Error::NotFinite { what: "a tolerance or threshold, which is above 0" });
        }
        Ok(Self { tolerated, threshold, state: State::default() })
    }

    /// Takes the next value in; whether the mean has moved.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] for what is no number; it is not taken in.
    pub fn observe(&mut self, value: f64) -> Result<Option<Moved>> {
        if !value.is_finite() {
            return Err(Error::NotFinite { what: "a watched value" });
        }
        let state = &mut self.state;
        if state.count >= FIRST {
            let spread = (state.squares / (state.count - 1.0)).sqrt().max(LEAST_SPREAD);
            let standard = ((value - state.mean) / spread).clamp(-FARTHEST, FARTHEST);
            state.up = (state.up + standard - self.tolerated).max(0.0);
            state.down = (state.down - standard - self.tolerated).max(0.0);
        }
        state.count += 1.0;
        let distance = value - state.mean;
        state.mean += distance / state.count;
        state.squares += distance * (value - state.mean);
        let moved = match (state.up > self.threshold, state.down > self.threshold) {
            (true, _) => Some(Moved::Up),
            (_, true) => Some(Moved::Down),
            _ => None,
        };
        if moved.is_some() {
            self.state = State::default();
        }
        Ok(moved)
    }
}
