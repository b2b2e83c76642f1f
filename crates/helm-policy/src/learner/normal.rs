use helm_core::Context;

use super::{ArmEvidence, Learner};
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::posterior::Posterior;

/// Rewards of unknown mean and variance under a normal-inverse-gamma prior: κ = κ0 + n, μ = (κ0 m0 + S) / κ,
/// α = α0 + n/2, β = β0 + ½ (Q − S²/n) + κ0 n (x̄ − m0)² / (2κ); the mean's marginal is Student's t with 2α
/// degrees of freedom and squared scale β / (ακ) (Murphy 2007, eq. 85-89; Honda & Takemura 2014). The same for
/// all users. Defaults: m0 = 0.5, κ0 = 1, α0 = 1, β0 = 0.05.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NormalInverseGamma {
    m0: f64,
    kappa0: f64,
    alpha0: f64,
    beta0: f64,
}

impl Default for NormalInverseGamma {
    fn default() -> Self {
        Self { m0: 0.5, kappa0: 1.0, alpha0: 1.0, beta0: 0.05 }
    }
}

impl NormalInverseGamma {
    /// A prior with mean `m0` that weighs `kappa0` rewards, and a variance of shape `alpha0` and scale `beta0`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] unless `m0` is finite, the others are finite and above 0, and `alpha0` is at
    /// least 0.1.
    pub fn new(m0: f64, kappa0: f64, alpha0: f64, beta0: f64) -> Result<Self> {
        let positive = [kappa0, alpha0, beta0].iter().all(|part| part.is_finite() && *part > 0.0);
        if m0.is_finite() && positive && alpha0 >= 0.1 {
            return Ok(Self { m0, kappa0, alpha0, beta0 });
        }
        Err(Error::InvalidParameter {
            parameter: "normal_inverse_gamma",
            accepted: "a finite m0, finite kappa0 and beta0 above 0, and a finite alpha0 of at least 0.1",
            value: format!("{m0}, {kappa0}, {alpha0}, {beta0}"),
        })
    }

    /// (μ, κ, α, β) after `evidence`.
    #[must_use]
    pub fn parameters(&self, evidence: &Evidence) -> (f64, f64, f64, f64) {
        let n = evidence.count;
        let kappa = self.kappa0 + n;
        let mean = (self.kappa0 * self.m0 + evidence.sum) / kappa;
        let alpha = self.alpha0 + 0.5 * n;
        let off = evidence.mean() - self.m0;
        let surprise = self.kappa0 * n * off * off / (2.0 * kappa);
        (mean, kappa, alpha, self.beta0 + 0.5 * evidence.scatter() + surprise)
    }

    pub(super) fn belief(&self, evidence: &Evidence) -> Posterior {
        let (mean, kappa, alpha, beta) = self.parameters(evidence);
        Posterior::StudentT { mean, scale: libm::sqrt(beta / (alpha * kappa)), dof: 2.0 * alpha }
    }

    /// The same prior with another mean and an expected noise variance.
    pub(super) fn around(&self, m0: f64, noise: f64) -> Self {
        Self { m0, beta0: self.alpha0 * noise, ..*self }
    }
}

impl Learner for NormalInverseGamma {
    fn posterior(&self, arm: &ArmEvidence<'_>, _: &Context) -> Result<Posterior> {
        Ok(self.belief(&arm.task))
    }
}
