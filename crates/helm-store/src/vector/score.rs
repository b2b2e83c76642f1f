use super::collection::Metric;

/// Components that are summed side by side. Fixed, so that a score is the same number everywhere.
const LANES: usize = 8;

/// Scores embeddings against one query, in double precision.
pub(crate) struct Scorer<'q> {
    metric: Metric,
    query: &'q [f32],
    norm: f64,
}

impl<'q> Scorer<'q> {
    pub(crate) fn new(metric: Metric, query: &'q [f32]) -> Self {
        let norm = sum(query, query, |x| x, |x, y| x * y).sqrt();
        Self { metric, query, norm }
    }

    /// The score of an embedding.
    pub(crate) fn score(&self, embedding: &[f32]) -> f64 {
        self.score_of(embedding, |component| component)
    }

    /// The score of an embedding as it is stored: 4 bytes a component, little-endian. Nothing is copied.
    #[cfg(feature = "sqlite")]
    pub(crate) fn score_bytes(&self, embedding: &[[u8; 4]]) -> f64 {
        self.score_of(embedding, f32::from_le_bytes)
    }

    fn score_of<T: Copy>(&self, embedding: &[T], read: impl Fn(T) -> f32 + Copy) -> f64 {
        let score = match self.metric {
            Metric::Cosine => {
                let dot = sum(embedding, self.query, read, |x, y| x * y);
                let norm = sum(embedding, self.query, read, |x, _| x * x).sqrt();
                (dot / (norm * self.norm)).clamp(-1.0, 1.0)
            }
            Metric::InnerProduct => sum(embedding, self.query, read, |x, y| x * y),
            Metric::L2 => -sum(embedding, self.query, read, |x, y| (x - y) * (x - y)).sqrt(),
        };
        // Only a damaged embedding gives no number. Adding zero makes -0.0 and 0.0 the tie that they are.
        if score.is_nan() { f64::NEG_INFINITY } else { score + 0.0 }
    }
}

/// The sum of `term` over pairs of components, in lanes that the compiler can keep in vector registers.
pub(crate) fn sum<T: Copy>(
    left: &[T],
    right: &[f32],
    read: impl Fn(T) -> f32,
    term: impl Fn(f64, f64) -> f64,
) -> f64 {
    let (lefts, left_rest) = left.as_chunks::<LANES>();
    let (rights, right_rest) = right.as_chunks::<LANES>();
    let mut lanes = [0.0_f64; LANES];
    for (xs, ys) in lefts.iter().zip(rights) {
        for ((lane, x), y) in lanes.iter_mut().zip(xs).zip(ys) {
            *lane += term(f64::from(read(*x)), f64::from(*y));
        }
    }
    let rest = left_rest.iter().zip(right_rest);
    let rest: f64 = rest.map(|(x, y)| term(f64::from(read(*x)), f64::from(*y))).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scores_mean_what_is_documented() {
        let (x, y) = ([3.0, 4.0], [4.0, 3.0]);
        assert!((Metric::Cosine.score(&x, &y) - 0.96).abs() < 1e-15);
        assert_eq!(Metric::InnerProduct.score(&x, &y), 24.0);
        assert_eq!(Metric::L2.score(&x, &y), -(2.0_f64.sqrt()));
        assert_eq!(Metric::L2.score(&x, &x).to_bits(), 0.0_f64.to_bits(), "no negative zero");
        assert_eq!(Metric::Cosine.score(&[f32::MAX; 9], &[f32::MAX; 9]), 1.0, "no overflow");
    }

    proptest! {
        #[test]
        fn bytes_score_as_floats(pairs in prop::collection::vec((-1e3_f32..1e3, -1e3_f32..1e3), 1..40)) {
            let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let bytes: Vec<[u8; 4]> = y.iter().map(|part| part.to_le_bytes()).collect();
            for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
                let scorer = Scorer::new(metric, &x);
                prop_assert_eq!(scorer.score(&y).to_bits(), scorer.score_bytes(&bytes).to_bits());
                let plain: f64 = x.iter().zip(&y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
                if metric == Metric::InnerProduct {
                    prop_assert!((scorer.score(&y) - plain).abs() <= 1e-6);
                }
            }
        }
    }
}
