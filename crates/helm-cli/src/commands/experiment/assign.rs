use helm_core::{Clock, SegmentName, SystemClock, UserId};
use helm_orchestrator::experiment::{Enrolment, Person};
use serde_json::json;

use super::specification;
use crate::arguments::{Global, OfTenant};
use crate::error::Result;
use crate::open;
use crate::output::{self, Format};

/// Why nobody is assigned while A/B testing is off.
const OFF: &str = "A/B testing is off (features.ab_testing, ENABLE_AB_TESTING)";

/// What users would get now, were they new: nothing while A/B testing is off.
pub(super) fn run(
    global: &Global,
    of: &OfTenant,
    experiment: &str,
    segment: Option<&str>,
    users: &[String],
) -> Result<()> {
    let spec = specification(global, experiment)?;
    let is_on = open::config(global)?.features.ab_testing;
    let segment = segment.map(SegmentName::new).transpose()?;
    let now = SystemClock.now();
    let mut rows = Vec::with_capacity(users.len());
    for user in users {
        let user = UserId::new(user)?;
        let person = Person::new(&of.tenant, &user).in_segment(segment.as_ref());
        let found = match spec.enrol(&person, now, None) {
            _ if !is_on => Err(OFF),
            Enrolment::In(_, assignment) => Ok(assignment),
            Enrolment::Out(reason) => Err(reason.as_str()),
        };
        rows.push((user, found));
    }
    if global.output != Format::Table {
        let row = |(user, found): &(UserId, Result<helm_core::Assignment, &str>)| match found {
            Ok(assigned) => {
                json!({ "user": user, "variant": assigned.variant, "share": assigned.share, "by": assigned.by })
            }
            Err(reason) => {
                json!({ "user": user, "variant": null, "why": reason })
            }
        };
        return output::json(global.output, &rows.iter().map(row).collect::<Vec<_>>());
    }
    let rows = rows.iter().map(|(user, found)| match found {
        Ok(assigned) => [
            user.to_string(),
            assigned.variant.to_string(),
            output::percent(Some(assigned.share.get())),
            assigned.by.as_str().to_owned(),
        ],
        Err(reason) => [user.to_string(), "-".to_owned(), "-".to_owned(), (*reason).to_owned()],
    });
    output::line(&output::table(["user", "variant", "share", "by"], rows))
}
