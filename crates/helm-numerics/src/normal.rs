//! The standard normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The density.
#[must_use]
pub fn pdf(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * PI)
}

/// The probability of at most `z`.
#[must_use]
pub fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The probability of more than `z`.
#[must_use]
pub fn sf(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// The logarithm of the probability of more than `z`.
#[must_use]
pub fn ln_sf(z: f64) -> f64 {
    if z < 10.0 {
        return libm::log(sf(z));
    }
    -0.5 * z * z - 0.5 * libm::log(2.0 * PI) + libm::log(mills(z))
}

/// The probability of more than `z` over the density at `z`, for any `z` of at least 10 without underflow.
#[must_use]
pub fn mills(z: f64) -> f64 {
    if z < 10.0 {
        return sf(z) / pdf(z);
    }
    // 1 / (z + 1 / (z + 2 / (z + 3 / …))), from the inside.
    let inner = (1..=40).rev().fold(z, |inner, term| z + f64::from(term) / inner);
    1.0 / inner
}

/// The `z` that is not exceeded with probability `p`: infinite for 0 and 1, `NaN` for what is no probability.
///
/// Wichura's AS 241 (1988), and one step of Halley's method.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    match p {
        p if p.is_nan() || !(0.0..=1.0).contains(&p) => f64::NAN,
        p if p > 0.5 => -lower_quantile(1.0 - p),
        p => lower_quantile(p),
    }
}

/// The `z` that is exceeded with probability `q`, exact also where `1 - q` is not.
#[must_use]
pub fn upper_quantile(q: f64) -> f64 {
    match q {
        q if q.is_nan() || !(0.0..=1.0).contains(&q) => f64::NAN,
        q if q > 0.5 => lower_quantile(1.0 - q),
        q => -lower_quantile(q),
    }
}

/// For probabilities of at most a half.
fn lower_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let z = wichura(p);
    // Relative to the density, so that it does not underflow.
    let error = mills_below(z) - p / pdf(z);
    match error.is_finite() {
        true => z - error / (1.0 + 0.5 * z * error),
        false => z,
    }
}

fn mills_below(z: f64) -> f64 {
    mills(-z)
}

fn wichura(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(&CENTRE, r);
    }
    let r = libm::sqrt(-libm::log(p));
    -if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&TAIL, r - 5.0) }
}

type Rational = ([f64; 8], [f64; 8]);

fn ratio((above, below): &Rational, x: f64) -> f64 {
    let polynomial =
        |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, next| sum * x + next);
    polynomial(above) / polynomial(below)
}

const CENTRE: Rational = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
);
const MIDDLE: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);
const TAIL: Rational = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_887_9,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);
