//! The gamma function, and the incomplete one.

use std::f64::consts::PI;

use crate::continued_fraction;

/// ln Γ(x).
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// ln Γ(x) − ln Γ(x + y) for large `x` and moderate `y`, where the two nearly cancel.
#[must_use]
pub fn ln_gamma_ratio(x: f64, y: f64) -> f64 {
    let sum = x + y;
    -(x - 0.5) * libm::log1p(y / x) - y * libm::log(sum) + y + stirling(x) - stirling(sum)
}

/// The remainder of Stirling's formula, ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π), for x ≥ 10 (Abramowitz & Stegun
/// 6.1.41).
#[must_use]
pub fn stirling(x: f64) -> f64 {
    let square = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - square
            * (1.0 / 360.0
                - square
                    * (1.0 / 1260.0
                        - square * (1.0 / 1680.0 - square * (1.0 / 1188.0 - square * 691.0 / 360_360.0))));
    series / x
}

/// The regularised upper incomplete gamma function Q(a, x): the probability that a gamma variable of shape `a` exceeds
/// `x`.
///
/// A series below the mean, a continued fraction above (Press et al., Numerical Recipes, 6.2).
#[must_use]
pub fn upper(a: f64, x: f64) -> f64 {
    match split(a, x) {
        Side::Lower(ln) => -libm::expm1(ln),
        Side::Upper(ln) => libm::exp(ln),
        Side::None => f64::NAN,
    }
}

/// ln Q(a, x), also where Q is too small for a number.
#[must_use]
pub fn ln_upper(a: f64, x: f64) -> f64 {
    match split(a, x) {
        Side::Lower(ln) => libm::log1p(-libm::exp(ln)),
        Side::Upper(ln) => ln,
        Side::None => f64::NAN,
    }
}

/// ln P(a, x), the logarithm of the probability of at most `x`.
#[must_use]
pub fn ln_lower(a: f64, x: f64) -> f64 {
    match split(a, x) {
        Side::Lower(ln) => ln,
        Side::Upper(ln) => libm::log1p(-libm::exp(ln)),
        Side::None => f64::NAN,
    }
}

/// The logarithm of the smaller of the two probabilities, roughly.
enum Side {
    Lower(f64),
    Upper(f64),
    None,
}

fn split(a: f64, x: f64) -> Side {
    if !(a > 0.0 && x >= 0.0) {
        return Side::None;
    }
    if x == 0.0 {
        return Side::Upper(0.0);
    }
    if x == f64::INFINITY {
        return Side::Upper(f64::NEG_INFINITY);
    }
    let front = ln_front(a, x);
    if x < a + 1.0 {
        return Side::Lower(front + libm::log(series(a, x)));
    }
    // Γ(a, x) = xᵃ e⁻ˣ / (x + 1 − a − 1(1 − a) / (x + 3 − a − …))
    Side::Upper(front + libm::log(fraction(a, x)))
}

/// ln(xᵃ e⁻ˣ / Γ(a)).
fn ln_front(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return a * libm::log(x) - x - ln_gamma(a);
    }
    let relative = (x - a) / a;
    a * (libm::log1p(relative) - relative) + 0.5 * libm::log(a / (2.0 * PI)) - stirling(a)
}

/// Σ xⁿ / (a (a + 1) … (a + n)).
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    while term > sum * 1e-17 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    // With b_n = x + 2n + 1 − a, made into one whose partial denominators are 1.
    let b = |n: f64| x + 2.0 * n + 1.0 - a;
    let value = continued_fraction(1_000_000, |term| {
        let n = f64::from(term);
        -n * (n - a) / (b(n) * b(n - 1.0))
    });
    value.unwrap_or(f64::NAN) / b(0.0)
}
