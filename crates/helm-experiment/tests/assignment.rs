//! Assignment: stable, in proportion, independent between experiments.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use helm_core::{TenantId, UserId};
use helm_experiment::{Error, Experiment, Unit, Variant};
use proptest::prelude::*;

fn experiment(key: &str, weights: &[f64]) -> Result<Experiment, Error> {
    let variants = weights.iter().enumerate();
    let variants = variants.map(|(i, w)| Variant::new(format!("v{i}").parse().unwrap(), *w)).collect();
    Experiment::new(key.parse().unwrap(), variants)
}

fn user(number: u32) -> Unit {
    Unit::user(&TenantId::single(), &UserId::new(format!("user-{number}")).unwrap())
}

#[test]
fn shares_are_met_within_four_standard_errors() {
    let experiment = experiment("shares", &[1.0, 2.0, 1.0]).unwrap();
    let units = 40_000;
    let mut counts = BTreeMap::new();
    for unit in 0..units {
        let assignment = experiment.assign(&user(unit));
        counts.entry(assignment.variant).or_insert((0.0, assignment.share.get())).0 += 1.0;
    }
    assert_eq!(counts.len(), 3);
    for (count, share) in counts.values() {
        let error = (share * (1.0 - share) * f64::from(units)).sqrt();
        assert!((count - share * f64::from(units)).abs() < 4.0 * error, "{count} of {share}");
    }
}

#[test]
fn two_experiments_assign_independently() {
    let (a, b) = (experiment("a", &[1.0, 1.0]).unwrap(), experiment("b", &[1.0, 1.0]).unwrap());
    let same = (0..10_000).filter(|unit| {
        let unit = user(*unit);
        a.assign(&unit).variant == b.assign(&unit).variant
    });
    let same = same.count();
    assert!((4_800..5_200).contains(&same), "{same} of 10000");
}

#[test]
fn mistakes_are_named() {
    assert!(matches!(experiment("x", &[1.0]), Err(Error::TooFewVariants { count: 1, .. })));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(experiment("x", &[1.0, bad]), Err(Error::InvalidWeight { .. })), "{bad}");
    }
    for bad in [[1e308, 1e308], [1e-300, 1e300]] {
        let error = experiment("x", &bad).err();
        assert!(matches!(error, Some(Error::NoShare { .. })), "{bad:?}: {error:?}");
    }
    let twice = vec![Variant::new("v".parse().unwrap(), 1.0), Variant::new("v".parse().unwrap(), 1.0)];
    assert!(matches!(Experiment::new("x".parse().unwrap(), twice), Err(Error::DuplicateVariant { .. })));
}

proptest! {
    #[test]
    fn a_unit_keeps_its_side_on_every_replica(number in 0_u32..) {
        let unit = user(number);
        let (here, there) = (experiment("e", &[1.0, 3.0]).unwrap(), experiment("e", &[1.0, 3.0]).unwrap());
        prop_assert_eq!(here.assign(&unit), there.assign(&unit));
    }
}
