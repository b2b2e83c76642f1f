#![expect(
    clippy::indexing_slicing,
    reason = "dense linear algebra over dimensions that are checked on entry"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{Context, Decision, Layout, StrategyId, StrategyName};
use serde::{Deserialize, Serialize};

use super::{ArmEvidence, Learner, PACKED_UNITS};
use crate::error::{Error, Result};
use crate::linear::Factor;
use crate::memo::{Fingerprint, Memo};
use crate::posterior::Posterior;

/// Features beyond this size are refused: their squares would leave the range of the stored sums.
pub(crate) const LARGEST_FEATURE: f64 = 1e4;
/// The penalties among which the rewards choose when none is given; the last one ignores the features.
const PENALTIES: [f64; 4] = [1.0, 10.0, 100.0, 1e6];
/// How far each tenfold of the penalty begins behind, in nats.
const PENALTY_PER_DECADE: f64 = 15.0;
/// The noise's prior: as if this many half rewards had shown this sum of squares.
const NOISE_SHAPE: f64 = 1.0;
const NOISE_SCALE: f64 = 0.005;

/// Linear regression of the reward on the context's features, with a bias, by ridge.
///
/// A = Λ + Σ x xᵀ, b = Σ (r − m) x, θ = A⁻¹ b; the belief about the mean at x is m + θᵀx with squared scale
/// σ² xᵀA⁻¹x (Li, Chu, Langford & Schapire 2010; Agrawal & Goyal 2013). Sums are kept by strategy as integers;
/// factors are recomputed from them. With features by strategy, one model is shared by all (the same paper's
/// shared terms): the vector is the strategy's features, the context's, their products, and a bias.
#[derive(Debug)]
pub struct Ridge {
    options: RidgeOptions,
    memo: Memo<Arc<Model>>,
}

/// Parameters of [`Ridge`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RidgeOptions {
    /// Λ for the features, above 0; the bias has 1. Default: the value of 1, 10, 100 and 10⁶ that makes the
    /// rewards most probable, each tenfold 15 nats behind, so weak features are turned down only on evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub penalty: Option<f64>,
    /// Whether m is the mean of all rewards, instead of 0. Default: yes. With a zero mean and rewards near 1, a
    /// strategy that was never tried looks hopeless.
    pub centred: bool,
    /// What σ is. Default: estimated.
    pub noise: Noise,
    /// Features by strategy, all of one length: makes one shared model. Default: none, one model a strategy.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub strategies: BTreeMap<StrategyName, Vec<f64>>,
}

/// The unit of a linear learner's widths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Noise {
    /// The standard deviation of the residuals of all strategies.
    #[default]
    Estimated,
    /// 1, as in the papers: widths are then in no unit of reward.
    Unit,
}

impl Default for RidgeOptions {
    fn default() -> Self {
        Self { penalty: None, centred: true, noise: Noise::default(), strategies: BTreeMap::new() }
    }
}

impl RidgeOptions {
    /// As in the papers: widths in no unit of reward, rewards not centred, this penalty.
    #[must_use]
    pub fn textbook(penalty: f64) -> Self {
        Self { penalty: Some(penalty), centred: false, noise: Noise::Unit, ..Self::default() }
    }
}

impl Ridge {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when the penalty is not a finite number above 0, or strategies' features
    /// differ in length or are beyond ±10⁴.
    pub fn new(options: RidgeOptions) -> Result<Self> {
        if let Some(penalty) = options.penalty
            && !(penalty.is_finite() && penalty > 0.0)
        {
            return Err(Error::InvalidParameter {
                parameter: "penalty",
                accepted: "a finite number above 0",
                value: penalty.to_string(),
            });
        }
        let length = options.strategies.values().next().map_or(0, Vec::len);
        let small = |x: &f64| x.abs() <= LARGEST_FEATURE;
        let usable = |features: &Vec<f64>| features.len() == length && features.iter().all(small);
        if !options.strategies.values().all(usable) {
            return Err(Error::InvalidParameter {
                parameter: "strategies",
                accepted: "features within ±10000, of one length for every strategy",
                value: format!("{:?}", options.strategies),
            });
        }
        Ok(Self { options, memo: Memo::default() })
    }

    fn is_shared(&self) -> bool {
        !self.options.strategies.is_empty()
    }

    /// The regression's input: features, then a bias of 1.
    fn input(&self, strategy: &StrategyId, context: &Context) -> Result<Vec<f64>> {
        let values = context.features.values();
        if let Some(&value) = values.iter().find(|value| value.abs() > LARGEST_FEATURE) {
            return Err(Error::InvalidFeature { value, largest: LARGEST_FEATURE });
        }
        let mut input = Vec::new();
        if self.is_shared() {
            let own = self.options.strategies.get(strategy.name());
            let own = own.ok_or_else(|| Error::NoFeatures { strategy: strategy.clone() })?;
            input.extend(own);
            input.extend(own.iter().flat_map(|own| values.iter().map(move |value| own * value)));
        }
        input.extend(values);
        input.push(1.0);
        Ok(input)
    }

    /// The models of these strategies: one each, or the shared one.
    fn model(&self, arms: &[ArmEvidence<'_>], dimension: usize) -> Result<Arc<Model>> {
        let mut sums: Vec<Sums> =
            arms.iter().map(|arm| Sums::unpack(arm.packed.as_deref(), dimension)).collect::<Result<_>>()?;
        if self.is_shared() {
            let all = sums.iter().fold(Sums::none(dimension), |all, sums| all.plus(sums));
            sums = vec![all];
        }
        let mut print = Fingerprint::default();
        sums.iter().for_each(|sums| sums.print(&mut print));
        let key = print.finish();
        if let Some(known) = self.memo.get(key) {
            return Ok(known);
        }
        let model = Arc::new(Model::fit(&self.options, &sums)?);
        self.memo.put(key, Arc::clone(&model));
        Ok(model)
    }
}

impl Learner for Ridge {
    fn pools(&self) -> bool {
        true
    }

    fn posterior(&self, arm: &ArmEvidence<'_>, context: &Context) -> Result<Posterior> {
        let beliefs = self.posteriors(std::slice::from_ref(arm), context)?;
        beliefs.into_iter().next().ok_or(Error::NothingEligible)
    }

    fn posteriors(&self, arms: &[ArmEvidence<'_>], context: &Context) -> Result<Vec<Posterior>> {
        let inputs: Vec<Vec<f64>> =
            arms.iter().map(|arm| self.input(&arm.arm.id, context)).collect::<Result<_>>()?;
        let model = self.model(arms, inputs.first().map_or(1, Vec::len))?;
        let belief = |(index, input): (usize, &Vec<f64>)| {
            model.belief(if self.is_shared() { 0 } else { index }, input, self.options.noise)
        };
        Ok(inputs.iter().enumerate().map(belief).collect())
    }

    /// A number of the features' schema, their count, whether the model is shared, and the unit.
    fn layout(&self, context: &Context) -> Layout {
        let mut number = 0xcbf2_9ce4_8422_2325_u64;
        let shared = self.options.strategies.values().next().map_or(0, |own| 1 + own.len());
        let (schema, length) = (context.features.schema(), context.features.values().len() as u64);
        for part in [schema, length, shared as u64, PACKED_UNITS as u64] {
            for byte in part.to_le_bytes() {
                number = (number ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        // 0 is for rows without packed sums.
        Layout::from_number(i64::from_le_bytes(number.max(1).to_le_bytes()))
    }

    /// The upper triangle of x xᵀ by rows, then r x, then r².
    fn packed(&self, decision: &Decision, reward: f64) -> Result<Vec<i128>> {
        let input = self.input(&decision.strategy, &decision.context)?;
        let mut packed = Vec::with_capacity(packed_length(input.len()));
        for (row, left) in input.iter().enumerate() {
            packed.extend(input[row..].iter().map(|right| quantised(left * right)));
        }
        packed.extend(input.iter().map(|x| quantised(reward * x)));
        packed.push(quantised(reward * reward));
        Ok(packed)
    }
}

/// In multiples of 2^-48; features are bounded, so it fits.
fn quantised(value: f64) -> i128 {
    libm::round(value * PACKED_UNITS) as i128
}

fn packed_length(dimension: usize) -> usize {
    dimension * (dimension + 1) / 2 + dimension + 1
}

/// Sums of one regression.
#[derive(Clone)]
struct Sums {
    dimension: usize,
    /// Upper triangle of Σ x xᵀ by rows.
    xx: Vec<f64>,
    rx: Vec<f64>,
    rr: f64,
}

impl Sums {
    fn none(dimension: usize) -> Self {
        Self { dimension, xx: vec![0.0; dimension * (dimension + 1) / 2], rx: vec![0.0; dimension], rr: 0.0 }
    }

    fn unpack(packed: Option<&[f64]>, dimension: usize) -> Result<Self> {
        let Some(packed) = packed else {
            return Ok(Self::none(dimension));
        };
        if packed.len() != packed_length(dimension) {
            return Err(Error::WrongPackedLength { found: packed.len(), expected: packed_length(dimension) });
        }
        let (xx, rest) = packed.split_at(dimension * (dimension + 1) / 2);
        Ok(Self { dimension, xx: xx.to_vec(), rx: rest[..dimension].to_vec(), rr: rest[dimension] })
    }

    fn plus(&self, other: &Self) -> Self {
        let add = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(a, b)| a + b).collect();
        Self {
            dimension: self.dimension,
            xx: add(&self.xx, &other.xx),
            rx: add(&self.rx, &other.rx),
            rr: self.rr + other.rr,
        }
    }

    /// The bias is 1, so its square counts the rewards and its product with them sums them.
    fn count(&self) -> f64 {
        self.xx.last().copied().unwrap_or(0.0)
    }

    fn sum(&self) -> f64 {
        self.rx.last().copied().unwrap_or(0.0)
    }

    /// Σ x, the bias's column.
    fn bias_column(&self) -> impl Iterator<Item = f64> {
        let d = self.dimension;
        (0..d).map(move |row| self.xx[row * d - row * (row + 1) / 2 + d - 1])
    }

    fn print(&self, print: &mut Fingerprint) {
        for part in self.xx.iter().chain(&self.rx).chain(std::iter::once(&self.rr)) {
            print.add(&part.to_bits());
        }
    }
}

/// One strategy's regression at one penalty.
#[derive(Debug)]
struct Fit {
    factor: Factor,
    theta: Vec<f64>,
    /// ln |Λ| − ln |A|.
    shrinkage: f64,
    residual: f64,
}

impl Fit {
    fn new(sums: &Sums, penalty: f64, mean: f64) -> Result<Self> {
        let d = sums.dimension;
        let prior = |row: usize| if row + 1 == d { 1.0 } else { penalty };
        let factor = Factor::new(d, &sums.xx, prior)?;
        let centred: Vec<f64> = sums.rx.iter().zip(sums.bias_column()).map(|(rx, x)| rx - mean * x).collect();
        let half = factor.forward(&centred);
        let total = sums.rr - 2.0 * mean * sums.sum() + sums.count() * mean * mean;
        let explained: f64 = half.iter().map(|part| part * part).sum();
        let ln_prior: f64 = (0..d).map(|row| libm::log(prior(row))).sum();
        Ok(Self {
            theta: factor.backward(half),
            shrinkage: ln_prior - factor.ln_determinant(),
            residual: (total - explained).max(0.0),
            factor,
        })
    }
}

/// All strategies' regressions at the chosen penalty.
#[derive(Debug)]
struct Model {
    mean: f64,
    fits: Vec<Fit>,
    /// Shape and scale of the noise's inverse-gamma belief.
    shape: f64,
    scale: f64,
}

impl Model {
    fn fit(options: &RidgeOptions, sums: &[Sums]) -> Result<Self> {
        let count: f64 = sums.iter().map(Sums::count).sum();
        // Four rewards of one half stand in until there are some.
        let mean = match options.centred {
            true => (sums.iter().map(Sums::sum).sum::<f64>() + 2.0) / (count + 4.0),
            false => 0.0,
        };
        let penalties = options.penalty.as_ref().map_or(&PENALTIES[..], std::slice::from_ref);
        let mut best: Option<(f64, Self)> = None;
        for penalty in penalties {
            let fits = sums.iter().map(|sums| Fit::new(sums, *penalty, mean)).collect::<Result<Vec<_>>>();
            // What collinear features make singular, a larger penalty may hold.
            let fits = match fits {
                Ok(fits) => fits,
                Err(Error::Singular) => continue,
                Err(error) => return Err(error),
            };
            let scale = NOISE_SCALE + 0.5 * fits.iter().map(|fit| fit.residual).sum::<f64>();
            let model = Self { mean, fits, shape: NOISE_SHAPE + 0.5 * count, scale };
            let score = model.evidence() - PENALTY_PER_DECADE * libm::log10(*penalty);
            if best.as_ref().is_none_or(|(known, _)| score > *known) {
                best = Some((score, model));
            }
        }
        best.map(|(_, model)| model).ok_or(Error::Singular)
    }

    /// The logarithm of the rewards' density, up to a term that is the same for all penalties (Bishop 2006,
    /// 3.86, with the noise integrated out).
    fn evidence(&self) -> f64 {
        let shrinkage: f64 = self.fits.iter().map(|fit| fit.shrinkage).sum();
        0.5 * shrinkage - self.shape * libm::log(self.scale)
    }

    fn belief(&self, index: usize, input: &[f64], noise: Noise) -> Posterior {
        let fit = &self.fits[index];
        let mean = self.mean + fit.theta.iter().zip(input).map(|(theta, x)| theta * x).sum::<f64>();
        let width: f64 = fit.factor.forward(input).iter().map(|part| part * part).sum();
        match noise {
            Noise::Unit => Posterior::Normal { mean, deviation: libm::sqrt(width) },
            Noise::Estimated => Posterior::StudentT {
                mean,
                scale: libm::sqrt(width * self.scale / self.shape),
                dof: 2.0 * self.shape,
            },
        }
    }
}
