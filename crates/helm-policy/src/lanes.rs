//! Eight numbers side by side, so that one instruction may work on several of them.

use wide::f64x8;

/// How many.
pub(crate) const LANES: usize = 8;

/// The numbers.
pub(crate) type Lanes = [f64; LANES];

/// exp of each.
pub(crate) fn exp(x: Lanes) -> Lanes {
    f64x8::new(x).exp().to_array()
}

/// ln(1 + x) of each, for x of at least 0: what rounding 1 + x lost is put back to first order.
pub(crate) fn ln_1p(x: Lanes) -> Lanes {
    let x = f64x8::new(x);
    let one = f64x8::splat(1.0);
    let sum = one + x;
    (sum.ln() + (x - (sum - one)) / sum).to_array()
}
