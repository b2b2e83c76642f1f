use std::time::Duration;

use helm_core::Timestamp;

/// Reads a moment: a date (its midnight in UTC), an RFC 3339 moment, or how long ago, such as `7d`.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(ago) = span(text) {
        return Ok(before(now, ago));
    }
    let midnight = format!("{text}T00:00:00Z");
    let dated = text.parse().or_else(|_| midnight.parse());
    dated.map_err(|_| {
        format!(
            "{text:?} is no moment; give a date (2026-01-31), an RFC 3339 moment (2026-01-31T08:00:00Z) or how long ago (7d, 12h, 30m)"
        )
    })
}

/// Reads a length of time: a whole number of seconds, minutes, hours, days or weeks, such as `90d`.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    span(text).ok_or_else(|| format!("{text:?} is no length of time; give one such as 90d, 12h or 8w"))
}

/// The moment so long before another.
pub(crate) fn before(now: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(micros))
}

fn span(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: u64 = text.get(..text.len() - 1)?.parse().ok()?;
    number.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_instants_or_ages() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T08:00:00+02:00", "2026-11-01T06:00:00Z"),
            ("7d", "2026-11-18T12:00:00Z"),
            ("2w", "2026-11-11T12:00:00Z"),
            ("90m", "2026-11-25T10:30:00Z"),
        ] {
            assert_eq!(moment(text, now), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "d", "yesterday", "7 d", "-7d", "1.5d", "99999999999999999999d", "2026-13-01", "7ü"]
        {
            assert!(moment(text, now).is_err(), "{text}");
            assert!(age(text).is_err(), "{text}");
        }
    }
}
