//! The algebra that exact, order-independent learning rests on.

use helm_core::{Fixed, NanoUsd, Stats, StatsError, UnitInterval};
use proptest::prelude::*;

fn stats() -> impl Strategy<Value = Stats> {
    let part = -1_000_000_000_000_i64..1_000_000_000_000;
    let packed = prop_oneof![Just(vec![]), proptest::collection::vec(-1_000_i128..1_000, 3)];
    (proptest::array::uniform9(part), packed).prop_map(
        |([count, reward, reward_sq, turns, cost, tokens, latency_us, failures, loss], packed)| Stats {
            count,
            reward: Fixed::from_bits(reward),
            reward_sq: Fixed::from_bits(reward_sq),
            turns,
            cost: NanoUsd::from_nanos(cost),
            tokens,
            latency_us,
            failures,
            loss: Fixed::from_bits(loss),
            packed,
        },
    )
}

/// Equal up to trailing zeros of the packed part, which stand for nothing.
fn same(left: &Stats, right: &Stats) -> bool {
    left.checked_sub(right).is_ok_and(|difference| difference.is_zero())
}

proptest! {
    #[test]
    fn addition_commutes(a in stats(), b in stats()) {
        prop_assert_eq!(a.checked_add(&b).unwrap(), b.checked_add(&a).unwrap());
    }

    #[test]
    fn addition_associates(a in stats(), b in stats(), c in stats()) {
        let left = a.checked_add(&b).unwrap().checked_add(&c).unwrap();
        let right = a.checked_add(&b.checked_add(&c).unwrap()).unwrap();
        prop_assert_eq!(left, right);
    }

    #[test]
    fn the_default_is_neutral_and_subtraction_undoes(a in stats(), b in stats()) {
        prop_assert_eq!(a.checked_add(&Stats::default()).unwrap(), a.clone());
        let back = a.checked_add(&b).unwrap().checked_sub(&b).unwrap();
        prop_assert!(same(&back, &a));
    }

    #[test]
    fn rewards_keep_the_moment_inequality(values in proptest::collection::vec(0.0_f64..=1.0, 1..50)) {
        let total = values.iter().try_fold(Stats::default(), |sum, value| {
            sum.checked_add(&Stats::of_reward(UnitInterval::new(*value).unwrap()))
        }).unwrap();
        let (n, s, q) = (total.count as f64, total.reward.to_f64(), total.reward_sq.to_f64());
        prop_assert!(q * n >= s * s - 1e-6, "n {n} s {s} q {q}");
        let exact: f64 = values.iter().sum();
        prop_assert!((s - exact).abs() <= n * 2.4e-10);
    }

    #[test]
    fn serialised_stats_read_back(a in stats()) {
        let text = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Stats>(&text).unwrap(), a);
    }
}

#[test]
fn overflow_and_shape_are_typed_errors() {
    let full = Stats { count: i64::MAX, ..Stats::default() };
    assert_eq!(full.checked_add(&full), Err(StatsError::Overflow { field: "count" }));
    let two = Stats { packed: vec![1, 2], ..Stats::default() };
    let three = Stats { packed: vec![1, 2, 3], ..Stats::default() };
    assert_eq!(two.checked_add(&three), Err(StatsError::Shape { left: 2, right: 3 }));
    for bad in [f64::NAN, f64::INFINITY, 1e308, -1e10] {
        assert!(Fixed::quantize(bad).is_err(), "{bad}");
    }
}
