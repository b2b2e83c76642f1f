//! Who takes part, and in what.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;

use helm_core::{AssignedBy, SegmentName, TenantId, Timestamp, UserId, VariantName};
use helm_experiment::growthbook::{HashVersion, hash, ranges, variation};
use helm_experiment::{Enrolment, Experiment, OutReason, Person, Spec, Unit, Variant};

fn spec(experiment: &str, more: &str) -> Spec {
    let text = format!(
        "{more}\n[experiment]\nkey = \"tone\"\ntask = \"support\"\nmode = \"fixed\"\n{experiment}\n\
         [[variant]]\nkey = \"a\"\ncontrol = true\nweight = 0.25\nstrategy = \"x\"\n\
         [[variant]]\nkey = \"b\"\nweight = 0.75\nstrategy = \"y\"\n\
         [[metric]]\nkey = \"r\"\nrole = \"goal\"\nkind = \"mean\"\nvalue = {{ event = \"reward\", agg = \"mean\" }}\nbetter = \"higher\"\n"
    );
    Spec::from_toml(&text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn at(day: u32) -> Timestamp {
    format!("2026-12-{day:02}T12:00:00Z").parse().unwrap()
}

/// The variants of so many users at a moment.
fn enrolled(spec: &Spec, users: u32, day: u32) -> BTreeMap<u32, VariantName> {
    let tenant = TenantId::single();
    let own = |user: u32| {
        let id = UserId::new(format!("u{user}")).unwrap();
        match spec.enrol(&Person::new(&tenant, &id), at(day), None) {
            Enrolment::In(variant, _) => Some((user, variant.name.clone())),
            Enrolment::Out(_) => None,
        }
    };
    (0..users).filter_map(own).collect()
}

fn reason(spec: &Spec, user: &str, day: u32) -> Option<OutReason> {
    let (tenant, id) = (TenantId::single(), UserId::new(user).unwrap());
    match spec.enrol(&Person::new(&tenant, &id), at(day), None) {
        Enrolment::In(..) => None,
        Enrolment::Out(reason) => Some(reason),
    }
}

#[test]
fn users_are_dealt_as_the_weights_say_and_as_experiments_without_a_plan_are() {
    let dealt = enrolled(&spec("", ""), 20_000, 1);
    let share = dealt.values().filter(|name| name.as_str() == "a").count() as f64 / 20_000.0;
    assert_eq!(dealt.len(), 20_000);
    assert!((share - 0.25).abs() < 4.0 * (0.25_f64 * 0.75 / 20_000.0).sqrt(), "{share}");
    let variants = [("a", 1.0), ("b", 3.0)].map(|(name, weight)| Variant::new(name.parse().unwrap(), weight));
    let plain = Experiment::new("tone".parse().unwrap(), variants.into()).unwrap();
    for (user, name) in dealt {
        let unit = Unit::user(&TenantId::single(), &UserId::new(format!("u{user}")).unwrap());
        assert_eq!(plain.assign(&unit).variant, name);
    }
}

#[test]
fn a_ramp_moves_nobody() {
    let steps = [(1, 0.05), (5, 0.3), (9, 1.0)].map(|(day, coverage)| {
        format!("[[ramp]]\nfrom = \"2026-12-{day:02}T00:00:00Z\"\ncoverage = {coverage}\n")
    });
    let spec = spec("", &steps.concat());
    let (early, middle, late) =
        (enrolled(&spec, 4_000, 2), enrolled(&spec, 4_000, 6), enrolled(&spec, 4_000, 10));
    assert!(early.len() > 120 && early.len() < 290 && middle.len() > 1_000 && late.len() == 4_000);
    for (earlier, later) in [(&early, &middle), (&middle, &late)] {
        assert!(earlier.iter().all(|(user, variant)| later.get(user) == Some(variant)));
    }
    let before: Timestamp = "2026-11-30T00:00:00Z".parse().unwrap();
    let (tenant, ana) = (TenantId::single(), UserId::new("ana").unwrap());
    assert_eq!(spec.enrol(&Person::new(&tenant, &ana), before, None), Enrolment::Out(OutReason::Coverage));
}

#[test]
fn namespaces_exclude_each_other_and_holdouts_are_the_same_for_all() {
    let part = |key: &str, range: &str| {
        let more = format!(
            "namespace = {{ id = \"n\", range = {range} }}\nholdout = {{ key = \"h\", share = 0.1 }}\nsalt = \"{key}\""
        );
        spec(&more, "")
    };
    let (one, two) = (part("one", "[0.0, 0.4]"), part("two", "[0.4, 1.0]"));
    let (first, second) = (enrolled(&one, 3_000, 1), enrolled(&two, 3_000, 1));
    assert!(first.keys().all(|user| !second.contains_key(user)));
    let out = 3_000 - first.len() - second.len();
    assert!((240..360).contains(&out), "{out} are held out");
    let held = |spec: &Spec, user: u32| reason(spec, &format!("u{user}"), 1) == Some(OutReason::Holdout);
    assert!((0..3_000).all(|user| held(&one, user) == held(&two, user)));
}

#[test]
fn what_keeps_users_out_is_said() {
    let timed = spec("start = \"2026-12-05T00:00:00Z\"\nend = \"2026-12-10T00:00:00Z\"", "");
    assert_eq!(
        [1, 7, 12].map(|day| reason(&timed, "ana", day)),
        [Some(OutReason::NotStarted), None, Some(OutReason::Ended)]
    );
    let targeted = spec(
        "",
        "[targeting]\nall = [{ attr = \"segment\", op = \"not_in\", value = [\"staff\"] }]\nforce = { \"qa\" = \"b\" }\n",
    );
    let (tenant, staff, ana) =
        (TenantId::single(), SegmentName::new("staff").unwrap(), UserId::new("ana").unwrap());
    let person = Person::new(&tenant, &ana).in_segment(Some(&staff));
    assert_eq!(targeted.enrol(&person, at(1), None), Enrolment::Out(OutReason::Targeting));
    assert_eq!(reason(&targeted, "ana", 1), None);
    let qa = UserId::new("qa").unwrap();
    let person = Person::new(&tenant, &qa).in_segment(Some(&staff));
    let Enrolment::In(variant, assignment) = targeted.enrol(&person, at(1), None) else { panic!("forced") };
    assert_eq!((variant.name.as_str(), assignment.by), ("b", AssignedBy::Forced));
}

#[test]
fn only_sticky_experiments_keep_what_somebody_holds() {
    let (tenant, ana) = (TenantId::single(), UserId::new("ana").unwrap());
    let person = Person::new(&tenant, &ana);
    let [sticky, loose] = [spec("sticky = true", ""), spec("", "")];
    let by = |spec: &Spec, held: &str| match spec.enrol(&person, at(1), Some(&held.parse().unwrap())) {
        Enrolment::In(variant, assignment) => (variant.name.to_string(), assignment.by),
        Enrolment::Out(reason) => panic!("{reason:?}"),
    };
    for held in ["a", "b"] {
        assert_eq!(by(&sticky, held), (held.to_owned(), AssignedBy::Sticky));
    }
    assert_eq!(by(&loose, "a"), by(&loose, "b"));
    assert_eq!(by(&sticky, "gone").1, AssignedBy::Hash, "a variant that is no more");
}

#[test]
fn growthbooks_buckets_are_kept() {
    let spec = spec("hash = \"growthbook_v2\"\nsalt = \"seed\"", "");
    let ranges = ranges(&[0.25, 0.75], 1.0).unwrap();
    for (user, name) in enrolled(&spec, 500, 1) {
        let place = hash("seed", &format!("u{user}"), HashVersion::V2);
        assert_eq!(variation(place, &ranges), Some(usize::from(name.as_str() == "b")));
    }
}

#[test]
fn versions_deal_anew() {
    let (one, two) = (enrolled(&spec("", ""), 2_000, 1), enrolled(&spec("version = 2", ""), 2_000, 1));
    let moved = one.iter().filter(|(user, variant)| two.get(user) != Some(variant)).count();
    // Independent draws differ with probability 2 · ¼ · ¾.
    assert!((650..850).contains(&moved), "{moved}");
}
