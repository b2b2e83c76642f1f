/// Where a function that increases from `low` on reaches `wanted`: doubling, then bisection until nothing moves.
pub(super) fn increasing_root(low: f64, wanted: f64, of: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, low.max(1.0));
    while of(high) < wanted && high < 1e300 {
        (low, high) = (high, 2.0 * high);
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if of(middle) < wanted { low = middle } else { high = middle }
    }
}
