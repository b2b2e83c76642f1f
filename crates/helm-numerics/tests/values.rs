//! Values of 20 digits, computed with mpmath 1.3.0 (40 digits), and of the noncentral t by SciPy 1.17.1.

use helm_numerics::{beta, binomial, chi_squared, normal, student};
use proptest::prelude::*;

#[track_caller]
fn near(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found:e}, not {expected:e}");
}

#[test]
fn the_normal_distribution() {
    for (z, sf, ln) in [
        (-3.0, 0.998_650_101_968_369_9, -0.001_350_809_964_748_193_8),
        (0.0, 0.5, -std::f64::consts::LN_2),
        (0.5, 0.308_537_538_725_986_9, -1.175_911_761_593_618_6),
        (1.96, 0.024_997_895_148_220_436, -3.688_963_651_729_638_6),
        (5.0, 2.866_515_718_791_939e-7, -15.064_998_393_988_726),
        (12.0, 1.776_482_112_077_679e-33, -75.410_673_001_568_8),
        (30.0, 4.906_713_927_148_187e-198, -454.321_243_956_343_2),
    ] {
        // z/√2 is rounded, which the tail multiplies by z².
        near(normal::sf(z), sf, 1e-14 + z * z * 2e-16);
        near(normal::ln_sf(z), ln, 1e-13);
    }
    for (p, z) in [
        (1e-300, -37.047_096_299_361_2),
        (1e-20, -9.262_340_089_798_408),
        (0.001, -3.090_232_306_167_813_5),
        (0.025, -1.959_963_984_540_054_2),
        (0.3, -0.524_400_512_708_040_8),
        (0.975, 1.959_963_984_540_054_2),
    ] {
        near(normal::quantile(p), z, 2e-15);
        near(normal::upper_quantile(p), -z, 2e-15);
    }
    assert_eq!((normal::quantile(0.0), normal::quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    assert!(normal::quantile(1.5).is_nan() && normal::quantile(f64::NAN).is_nan());
}

#[test]
fn students_distribution() {
    for (t, dof, ln) in [
        (0.1, 1.0, -0.758_700_653_772_343_7),
        (1.0, 1.38, -1.468_882_559_936_903_4),
        (2.0, 5.0, -2.976_523_167_161_812),
        (1.96, 30.0, -3.517_579_868_424_321),
        (2.5, 1e3, -5.068_908_062_040_962),
        (1.96, 1e6, -3.688_958_105_501_48),
        (5.0, 1e6, -15.064_829_835_370_246),
        (1.96, 1e9, -3.688_963_646_183_397),
        (129.2, 416.0, -776.986_586_387_060_3),
        (20.9, 27.0, -40.937_361_449_239_89),
    ] {
        near(student::ln_sf(t, dof), ln, 1e-12);
        if ln > -700.0 {
            near(student::sf(t, dof), ln.exp(), 1e-11);
            near(student::upper_quantile(ln.exp(), dof), t, 1e-11);
        }
        near(student::cdf(-t, dof), student::sf(t, dof), 0.0);
    }
    // One degree of freedom is the Cauchy distribution, two have an algebraic form.
    for t in [-50.0_f64, -3.0, -0.1, 0.0, 0.4, 1.0, 7.0] {
        assert!((student::cdf(t, 1.0) - (0.5 + t.atan() / std::f64::consts::PI)).abs() < 1e-14, "{t}");
        assert!((student::cdf(t, 2.0) - (0.5 + t / (2.0 * (2.0 + t * t).sqrt()))).abs() < 1e-14, "{t}");
    }
    for (t, dof, shift, sf) in [
        (2.0, 10.0, 0.5, 0.091_888_900_457_212_36),
        (2.0244, 38.0, 0.632, 0.089_507_987_172_535_26),
        (1.966, 784.0, 2.8, 0.797_746_930_247_333_3),
    ] {
        near(student::noncentral_sf(t, dof, shift), sf, 1e-10);
    }
    near(student::noncentral_sf(1.3, 17.0, 0.0), student::sf(1.3, 17.0), 1e-12);
}

#[test]
fn the_chi_squared_distribution() {
    for (x, dof, ln) in [
        (0.1, 1.0, -0.285_245_531_169_676_9),
        (3.84, 1.0, -2.994_862_227_180_028_5),
        (10.0, 3.0, -3.986_416_031_734_384),
        (1_000.0, 2.0, -500.0),
        (5_000.0, 4.0, -2_492.175_554_069_122),
        (950.0, 1_000.0, -0.140_269_395_500_177_9),
        (1e6, 1e6, -0.693_523_377_706_430_2),
    ] {
        near(chi_squared::ln_sf(x, dof), ln, 2e-12);
        near(chi_squared::sf(x, dof), ln.exp(), 1e-11);
    }
}

#[test]
fn the_beta_and_the_binomial_distribution() {
    for (x, a, b, cdf) in [
        (0.3, 2.0, 5.0, 0.579_825),
        (0.5, 0.5, 0.5, 0.5),
        (0.001, 0.5, 700.0, 0.763_309_971_246_834_3),
        (0.2, 30.0, 100.0, 0.205_543_010_506_218_73),
        (0.5, 1e6, 1e6, 0.5),
        (0.4999, 1e6, 1e6, 0.388_648_717_862_310_1),
    ] {
        near(beta::cdf(x, a, b), cdf, 1e-11);
        near(beta::sf(x, a, b), 1.0 - cdf, 1e-10);
        near(beta::quantile(cdf, a, b), x, 1e-10);
    }
    // 1 + 10 + 45 of 1,024.
    near(binomial::cdf(2, 10, 0.5), 56.0 / 1_024.0, 1e-14);
    near(binomial::sf(7, 10, 0.5), 56.0 / 1_024.0, 1e-14);
    assert_eq!((binomial::cdf(10, 10, 0.3), binomial::sf(10, 10, 0.3)), (1.0, 0.0));
}

#[test]
fn ln_beta_is_continuous_where_its_forms_meet() {
    for (a, b) in [(10.0, 10.0), (10.0, 5e3), (2.0, 1e3), (0.5, 1e3), (9.999, 2e3)] {
        let step: f64 = 1e-7;
        let (below, above) = (beta::ln_beta(a - step, b), beta::ln_beta(a + step, b));
        let slope = (above - below).abs() / (2.0 * step);
        assert!(slope < 20.0, "a jump at {a}, {b}: {slope}");
    }
}

proptest! {
    #[test]
    fn quantiles_lead_back(p in 1e-12_f64..1.0, dof in 0.5_f64..1e7) {
        let t = student::quantile(p, dof);
        prop_assert!((student::cdf(t, dof) - p).abs() <= 1e-10 * p, "{}", student::cdf(t, dof));
        prop_assert!((normal::cdf(normal::quantile(p)) - p).abs() <= 1e-13 * p);
    }

    #[test]
    fn tails_add_up(x in 0.0_f64..=1.0, a in 0.1_f64..1e5, b in 0.1_f64..1e5) {
        prop_assert!((beta::cdf(x, a, b) + beta::sf(x, a, b) - 1.0).abs() < 1e-12);
    }
}
