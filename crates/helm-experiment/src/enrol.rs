use helm_core::{AssignedBy, Assignment, SegmentName, TenantId, Timestamp, UserId, VariantName};

use crate::assignment::hash_user;
use crate::growthbook::{self, HashVersion};
use crate::spec::{Assigning, Attribute, Condition, Hash, Mode, Spec, SpecVariant};

/// Who might take part.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Person<'a> {
    /// Whose installation.
    pub tenant: &'a TenantId,
    /// Which user.
    pub user: &'a UserId,
    /// The group of users, if the application names one.
    pub segment: Option<&'a SegmentName>,
}

impl<'a> Person<'a> {
    /// A user without a segment.
    #[must_use]
    pub const fn new(tenant: &'a TenantId, user: &'a UserId) -> Self {
        Self { tenant, user, segment: None }
    }

    /// With the group of users.
    #[must_use]
    pub const fn in_segment(mut self, segment: Option<&'a SegmentName>) -> Self {
        self.segment = segment;
        self
    }
}

/// Whether somebody takes part.
#[derive(Clone, PartialEq, Debug)]
pub enum Enrolment<'s> {
    /// In this variant.
    In(&'s SpecVariant, Assignment),
    /// No, for this reason.
    Out(OutReason),
}

/// Why somebody does not take part.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum OutReason {
    /// It only looks at what a policy draws.
    AssignsNobody,
    /// It has not begun.
    NotStarted,
    /// It is over.
    Ended,
    /// They are held out of experiments.
    Holdout,
    /// Their part of the namespace belongs to others.
    Namespace,
    /// The targeting leaves them out.
    Targeting,
    /// The ramp has not come to them.
    Coverage,
}

impl OutReason {
    /// A sentence fragment for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssignsNobody => "it only looks at what the policy draws",
            Self::NotStarted => "it has not begun",
            Self::Ended => "it is over",
            Self::Holdout => "the user is held out of experiments",
            Self::Namespace => "the user's part of the namespace belongs to others",
            Self::Targeting => "the targeting leaves the user out",
            Self::Coverage => "the ramp has not come to the user",
        }
    }
}

impl Spec {
    /// Whether somebody takes part at a moment, and in which variant: a pure function, the same on every replica.
    ///
    /// Forced users are in whenever it runs; then come the holdout, the namespace and the targeting. Whoever holds a variant keeps it in a
    /// [sticky](Spec::is_sticky) experiment, whatever the shares are now. Everybody else is hashed: each variant's range
    /// begins where it would with full coverage, so a ramp moves nobody.
    #[must_use]
    pub fn enrol(&self, person: &Person<'_>, at: Timestamp, held: Option<&VariantName>) -> Enrolment<'_> {
        let own = &self.assigning;
        let out = Enrolment::Out;
        if matches!(self.plan().mode, Mode::Adaptive { .. }) {
            return out(OutReason::AssignsNobody);
        }
        if let Some(only) = own.only.as_ref().and_then(|name| self.variant(name)) {
            return self.assigned(only, AssignedBy::Hash);
        }
        if own.start.is_some_and(|start| at < start) {
            return out(OutReason::NotStarted);
        }
        if own.end.is_some_and(|end| at >= end) {
            return out(OutReason::Ended);
        }
        if let Some(forced) = own.force.get(person.user).and_then(|name| self.variant(name)) {
            return self.assigned(forced, AssignedBy::Forced);
        }
        if let Some(reason) = own.keeps_out(person) {
            return out(reason);
        }
        if let Some(held) = held.filter(|_| own.sticky).and_then(|name| self.variant(name)) {
            return self.assigned(held, AssignedBy::Sticky);
        }
        match self.dealt(own.place(&own.salt, person), own.coverage(at)) {
            Some(variant) => self.assigned(variant, AssignedBy::Hash),
            None => out(OutReason::Coverage),
        }
    }

    fn dealt(&self, place: f64, coverage: f64) -> Option<&SpecVariant> {
        let mut begin = 0.0;
        for variant in self.variants() {
            let share = variant.weight.get();
            // The last range ends at 1, whatever rounding makes of the sum.
            let is_last = self.variants().last().is_some_and(|last| last.name == variant.name);
            let end = if is_last && coverage >= 1.0 { 1.0 } else { begin + coverage * share };
            if begin <= place && place < end {
                return Some(variant);
            }
            begin += share;
        }
        None
    }

    fn assigned<'s>(&'s self, variant: &'s SpecVariant, by: AssignedBy) -> Enrolment<'s> {
        let assignment = Assignment {
            experiment: self.key().clone(),
            variant: variant.name.clone(),
            share: variant.weight,
            by,
            version: self.version(),
            spec: Some(self.digest().clone()),
        };
        Enrolment::In(variant, assignment)
    }
}

impl Assigning {
    fn keeps_out(&self, person: &Person<'_>) -> Option<OutReason> {
        if let Some(holdout) = &self.holdout
            && place(Hash::Helm, &format!("holdout/{}", holdout.key), person) < holdout.share
        {
            return Some(OutReason::Holdout);
        }
        if let Some(namespace) = &self.namespace {
            let space = format!("namespace/{}", namespace.id);
            let place = match self.hash {
                Hash::Helm => place(Hash::Helm, &space, person),
                // As GrowthBook's SDKs do, whichever hash assigns.
                _ => growthbook::namespace_place(person.user.as_str(), &namespace.id),
            };
            if !(namespace.range.0 <= place && place < namespace.range.1) {
                return Some(OutReason::Namespace);
            }
        }
        let is_met = self.all.iter().all(|condition| condition.holds(person));
        (!is_met).then_some(OutReason::Targeting)
    }

    fn place(&self, salt: &str, person: &Person<'_>) -> f64 {
        place(self.hash, salt, person)
    }

    /// The share of users that take part at a moment: none before the first step of a ramp.
    fn coverage(&self, at: Timestamp) -> f64 {
        if self.ramp.is_empty() {
            return 1.0;
        }
        self.ramp.iter().take_while(|step| step.from <= at).last().map_or(0.0, |step| step.coverage)
    }
}

impl Condition {
    fn holds(&self, person: &Person<'_>) -> bool {
        let value = match self.attribute {
            Attribute::User => Some(person.user.as_str()),
            Attribute::Segment => person.segment.map(SegmentName::as_str),
        };
        let is_listed = value.is_some_and(|value| self.values.iter().any(|listed| listed == value));
        is_listed == self.is_in
    }
}

fn place(hash: Hash, salt: &str, person: &Person<'_>) -> f64 {
    match hash {
        Hash::Helm => hash_user(salt, person.tenant, person.user),
        Hash::GrowthbookV1 => growthbook::hash(salt, person.user.as_str(), HashVersion::V1),
        Hash::GrowthbookV2 => growthbook::hash(salt, person.user.as_str(), HashVersion::V2),
    }
}
