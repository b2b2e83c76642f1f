//! Distribution functions on `libm`, accurate for large parameters.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Below this, a factor of the continued fraction counts as zero.
const TINY: f64 = 1e-300;

pub(crate) fn normal_pdf(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * PI)
}

pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

pub(crate) fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The logarithm of the beta function. For large arguments the three log-gammas nearly cancel, so Stirling's
/// corrections are subtracted first.
pub(crate) fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if small < 10.0 {
        return if large < 1e3 {
            ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
        } else {
            ln_gamma(small) + ln_gamma_ratio(large, small)
        };
    }
    let sum = a + b;
    let corrections = stirling(a) + stirling(b) - stirling(sum);
    0.5 * libm::log(2.0 * PI) - 0.5 * libm::log(small)
        + small * libm::log(small / sum)
        + (large - 0.5) * libm::log1p(-small / sum)
        + corrections
}

/// ln Γ(x) − ln Γ(x + y) for large `x` and moderate `y`.
fn ln_gamma_ratio(x: f64, y: f64) -> f64 {
    let sum = x + y;
    -(x - 0.5) * libm::log1p(y / x) - y * libm::log(sum) + y + stirling(x) - stirling(sum)
}

/// The remainder of Stirling's formula, ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π), for x ≥ 10 (Abramowitz & Stegun
/// 6.1.41).
fn stirling(x: f64) -> f64 {
    let square = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - square
            * (1.0 / 360.0
                - square
                    * (1.0 / 1260.0
                        - square * (1.0 / 1680.0 - square * (1.0 / 1188.0 - square * 691.0 / 360_360.0))));
    series / x
}

/// The regularised incomplete beta function I_x(a, b), by Lentz's continued fraction (Press et al., Numerical
/// Recipes, 6.4).
pub(crate) fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = libm::exp(a * libm::log(x) + b * libm::log1p(-x) - ln_beta(a, b));
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    // The number of steps grows with the square root of the parameters; a billion rewards need about 60,000.
    for step in 1..200_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for coefficient in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + coefficient * d);
            c = away_from_zero(1.0 + coefficient / c);
            value *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// ln(x / (1 − x)).
pub(crate) fn log_odds(x: f64) -> f64 {
    libm::log(x) - libm::log1p(-x)
}

/// The logarithm of Beta(a, b)'s density over the log-odds at its mode, a ln m + b ln(1 − m) − ln B(a, b) with
/// m = a / (a + b). For large arguments these nearly cancel, and Stirling's formula leaves what remains.
pub(crate) fn ln_beta_peak(a: f64, b: f64) -> f64 {
    if a < 10.0 || b < 10.0 {
        return -a * libm::log1p(b / a) - b * libm::log1p(a / b) - ln_beta(a, b);
    }
    let corrections = stirling(a) + stirling(b) - stirling(a + b);
    0.5 * (libm::log(a / (a + b)) + libm::log(b) - libm::log(2.0 * PI)) - corrections
}

/// The probability that |N(0, 1)| lies between two numbers of at least 0.
pub(crate) fn half_normal_between(low: f64, high: f64) -> f64 {
    libm::erfc(low * FRAC_1_SQRT_2) - libm::erfc(high * FRAC_1_SQRT_2)
}

/// The distribution function of Student's t with `dof` degrees of freedom.
pub(crate) fn student_t_cdf(t: f64, dof: f64) -> f64 {
    let square = t * t;
    // Each form keeps its precision where the other loses it.
    let tail = if square < dof {
        0.5 - 0.5 * beta_cdf(square / (dof + square), 0.5, 0.5 * dof)
    } else {
        0.5 * beta_cdf(dof / (dof + square), 0.5 * dof, 0.5)
    };
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The logarithm of the normalising constant of Student's t density.
pub(crate) fn ln_student_t_constant(dof: f64) -> f64 {
    -ln_beta(0.5, 0.5 * dof) - 0.5 * libm::log(dof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_functions_meet_closed_forms() {
        assert!((ln_beta(2.0, 3.0) - (1.0_f64 / 12.0).ln()).abs() < 1e-14);
        assert!((beta_cdf(0.3, 1.0, 1.0) - 0.3).abs() < 1e-15);
        assert!((beta_cdf(0.3, 2.0, 1.0) - 0.09).abs() < 1e-15);
        // I_x(a, 1) = x^a and the symmetry I_x(a, b) = 1 - I_{1-x}(b, a).
        assert!((beta_cdf(0.999, 1_000.0, 1.0) - 0.999_f64.powf(1_000.0)).abs() < 1e-13);
        for (x, a, b) in [(0.2, 5.0, 700.0), (0.7, 3e5, 1.3e5), (0.5, 1e6, 1e6)] {
            let sum = beta_cdf(x, a, b) + beta_cdf(1.0 - x, b, a);
            assert!((sum - 1.0).abs() < 1e-9, "{x} {a} {b}: {sum}");
        }
    }

    #[test]
    fn ln_beta_is_continuous_where_its_forms_meet() {
        for (a, b) in [(10.0, 10.0), (10.0, 5e3), (2.0, 1e3), (0.5, 1e3), (9.999, 2e3)] {
            let step: f64 = 1e-7;
            let (below, above) = (ln_beta(a - step, b), ln_beta(a + step, b));
            let slope = (above - below).abs() / (2.0 * step);
            assert!(slope < 20.0, "a jump at {a}, {b}: {slope}");
        }
    }

    #[test]
    fn student_t_meets_its_closed_forms() {
        // One degree of freedom is the Cauchy distribution, two have an algebraic form.
        for t in [-50.0_f64, -3.0, -0.1, 0.0, 0.4, 1.0, 7.0] {
            assert!((student_t_cdf(t, 1.0) - (0.5 + t.atan() / PI)).abs() < 1e-13, "{t}");
            let two = 0.5 + t / (2.0 * (2.0 + t * t).sqrt());
            assert!((student_t_cdf(t, 2.0) - two).abs() < 1e-13, "{t}");
        }
        assert!((student_t_cdf(1.0, 1e9) - normal_cdf(1.0)).abs() < 1e-8);
    }
}
