use crate::vector::{Metric, sum};

/// What a component's code is moved by, so that codes are not negative: those are cheaper to widen.
const ZERO: i32 = 128;
/// The largest code, counted from [`ZERO`].
const LARGEST: f32 = 127.0;
/// What computing in double precision may add to a bound, relative to the lengths involved; generously.
const ROUNDING: f64 = 1e-9;
/// The same where a small difference of large squares is taken the root of.
const ROUNDING_OF_ROOT: f64 = 1e-7;

/// How an embedding's codes relate to it: component `i` is `scale` x (code `i` - 128), and a vector of at most
/// the length `slack`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    scale: f32,
    slack: f32,
    /// The sum of squares of the codes, counted from their zero.
    squares: u32,
}

/// Appends an embedding's codes, one byte a component. Under [`Metric::Cosine`] they are of its direction.
pub(super) fn encode(metric: Metric, embedding: &[f32], codes: &mut Vec<u8>) -> Measure {
    let shrink = 1.0 / length(metric, embedding);
    let scale = (f64::from(largest(embedding)) * shrink / f64::from(LARGEST)) as f32;
    // Whatever the code comes out as, the slack is measured, so the bound holds.
    let steps = (shrink / f64::from(scale)) as f32;
    let begin = codes.len();
    codes.extend(embedding.iter().map(|part| (part * steps + (ZERO as f32 + 0.5)) as u8));
    let own = codes.get(begin..).unwrap_or_default();
    let squares = own.iter().map(|code| (i32::from(*code) - ZERO).unsigned_abs().pow(2)).sum();
    let (zero, step) = (f64::from(ZERO), f64::from(scale));
    let lost = sum(own, embedding, f32::from, |code, part| {
        let rest = part * shrink - (code - zero) * step;
        rest * rest
    });
    // Rounded up.
    let slack = (lost.sqrt() * (1.0 + 1e-6)) as f32 + f32::MIN_POSITIVE;
    Measure { scale, slack, squares }
}

/// What components are divided by.
fn length(metric: Metric, embedding: &[f32]) -> f64 {
    match metric {
        Metric::Cosine => sum(embedding, embedding, |part| part, |x, y| x * y).sqrt(),
        _ => 1.0,
    }
}

/// The largest component, signs aside; in lanes, as sums are.
fn largest(embedding: &[f32]) -> f32 {
    let (whole, rest) = embedding.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for parts in whole {
        for (lane, part) in lanes.iter_mut().zip(parts) {
            let part = part.abs();
            *lane = if part > *lane { part } else { *lane };
        }
    }
    lanes.iter().chain(rest).fold(0.0, |largest: f32, part| largest.max(part.abs()))
}

fn norm(parts: impl Iterator<Item = f64>) -> f64 {
    parts.map(|part| part * part).sum::<f64>().sqrt()
}

/// A query, in as many steps as products with codes can be summed in 32 bits.
#[derive(Clone, Debug)]
pub(in crate::sqlite) struct Probe {
    metric: Metric,
    steps: Vec<i16>,
    scale: f64,
    slack: f64,
    /// The query's length, and that of what its steps stand for.
    norm: f64,
    stepped_norm: f64,
    /// What the codes' zero adds to every sum.
    offset: i64,
}

/// Where a score is certain to be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Probe {
    /// A checked query for embeddings of its length.
    pub(in crate::sqlite) fn new(metric: Metric, query: &[f32]) -> Self {
        let length = length(metric, query);
        let parts: Vec<f64> = query.iter().map(|part| f64::from(*part) / length).collect();
        let most = i32::MAX / (i32::from(u8::MAX) * i32::try_from(query.len().max(1)).unwrap_or(i32::MAX));
        let most = most.clamp(1, i32::from(i16::MAX));
        let largest = parts.iter().fold(0.0_f64, |largest, part| largest.max(part.abs()));
        let scale = if largest > 0.0 { largest / f64::from(most) } else { 1.0 };
        let steps: Vec<i16> = parts.iter().map(|part| (part / scale).round() as i16).collect();
        let stepped = || steps.iter().map(|step| f64::from(*step) * scale);
        Self {
            metric,
            slack: norm(parts.iter().zip(stepped()).map(|(part, stepped)| part - stepped)),
            norm: norm(parts.iter().copied()),
            stepped_norm: norm(stepped()),
            offset: i64::from(ZERO) * steps.iter().map(|step| i64::from(*step)).sum::<i64>(),
            scale,
            steps,
        }
    }

    /// Where the score of the embedding with these codes is.
    ///
    /// For x = c + e and q = d + f, where c and d are what codes and steps stand for, the product x q is c d but
    /// for e q + c f, at most |e||q| + |c||f|; and |x - q| is |c - d| but for |e| + |f|.
    pub(super) fn interval(&self, codes: &[u8], measure: Measure) -> Interval {
        let product = (i64::from(dot(codes, &self.steps)) - self.offset) as f64;
        let (scale, slack) = (f64::from(measure.scale), f64::from(measure.slack));
        let product = product * scale * self.scale;
        let coded_norm = scale * f64::from(measure.squares).sqrt();
        if self.metric == Metric::L2 {
            let squares = coded_norm * coded_norm + self.stepped_norm * self.stepped_norm;
            let distance = (squares - 2.0 * product).max(0.0).sqrt();
            let error = slack + self.slack + ROUNDING_OF_ROOT * (coded_norm + slack + self.norm);
            return Interval { low: -(distance + error), high: -(distance - error).max(0.0) };
        }
        let rounding = ROUNDING * (coded_norm + slack) * self.norm;
        let error = slack * self.norm + coded_norm * self.slack + rounding;
        Interval { low: product - error, high: product + error }
    }
}

/// Compiles to multiplications of many components at once, without a word about the processor.
fn dot(codes: &[u8], steps: &[i16]) -> i32 {
    codes.iter().zip(steps).map(|(code, step)| i32::from(*code) * i32::from(*step)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => -1.0_f32..1.0,
            1 => Just(0.0),
            1 => -1e-40_f32..1e-40,
            1 => -1e30_f32..1e30,
            1 => prop::sample::select(vec![f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45]),
        ]
    }

    fn holds(query: &[f32], embedding: &[f32]) {
        for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
            let zero = |vector: &[f32]| vector.iter().all(|part| *part == 0.0);
            if metric == Metric::Cosine && (zero(query) || zero(embedding)) {
                continue;
            }
            let mut codes = Vec::new();
            let measure = encode(metric, embedding, &mut codes);
            let interval = Probe::new(metric, query).interval(&codes, measure);
            let score = metric.score(query, embedding);
            assert!(
                interval.low <= score && score <= interval.high,
                "{metric}: {score} {interval:?} {measure:?}"
            );
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        let large = vec![f32::MAX; crate::MOST_DIMENSIONS];
        holds(&large, &large);
        let mixed: Vec<f32> =
            large.iter().enumerate().map(|(n, part)| if n % 2 == 0 { *part } else { -part }).collect();
        holds(&large, &mixed);
        holds(&mixed, &mixed);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_score_is_in_its_interval(pairs in prop::collection::vec((part(), part()), 1..70)) {
            let (query, embedding): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            holds(&query, &embedding);
            holds(&query, &query);
        }

        #[test]
        fn an_interval_is_narrow(seed in prop::collection::vec(-1.0_f32..1.0, 384), other in prop::collection::vec(-1.0_f32..1.0, 384)) {
            let mut codes = Vec::new();
            let measure = encode(Metric::Cosine, &seed, &mut codes);
            let interval = Probe::new(Metric::Cosine, &other).interval(&codes, measure);
            prop_assert!(interval.high - interval.low < 0.02, "{interval:?}");
        }
    }
}
