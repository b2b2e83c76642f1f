//! Numbers as people read them.

/// A value with its unit; nanoseconds in whatever unit of time is short.
pub(crate) fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "ns" => time(value),
        "1/s" => format!("{}/s", significant(value)),
        _ => format!("{} {unit}", significant(value)),
    }
}

fn time(nanos: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let fitting = units.into_iter().find(|(size, _)| nanos >= *size);
    let (size, unit) = fitting.unwrap_or((1.0, "ns"));
    format!("{} {unit}", significant(nanos / size))
}

/// Three digits that count, with commas between thousands.
pub(crate) fn significant(value: f64) -> String {
    if value >= 1e3 {
        return thousands(value);
    }
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(with_unit(1_234.0, "ns"), "1.23 µs");
        assert_eq!(with_unit(71.26, "ns"), "71.3 ns");
        assert_eq!(with_unit(2_500_000_000.0, "ns"), "2.50 s");
        assert_eq!(with_unit(1_234_567.0, "1/s"), "1,234,567/s");
        assert_eq!(with_unit(9.876, "us/KB"), "9.88 us/KB");
        assert_eq!(significant(0.98), "0.98");
    }
}
