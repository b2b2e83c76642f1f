//! Things without a checksum, known by their shape alone.

pub(super) const EMAIL: &str = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}";

/// RFC 5321's lengths, no dots at an edge, and a top-level domain of letters.
pub(super) fn is_email(candidate: &str) -> bool {
    let Some((local, domain)) = candidate.rsplit_once('@') else {
        return false;
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    let labels_fit = domain.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-'));
    local.len() <= 64
        && domain.len() <= 255
        && !local.ends_with('.')
        && !local.contains("..")
        && labels_fit
        && top.len() >= 2
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
}

pub(super) const US_SSN: &str = r"[0-9]{3}-[0-9]{2}-[0-9]{4}";

/// Areas 000, 666 and 900 to 999, group 00 and serial 0000 were never given out (Social Security
/// Administration, POMS RM 10201.035).
pub(super) fn is_us_ssn(candidate: &str) -> bool {
    let mut parts = candidate.split('-');
    let mut part = || parts.next().and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let (area, group, serial) = (part(), part(), part());
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0
}

pub(super) const IPV4: &str = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}";

/// Four octets without leading zeros that name a host: not the unspecified address or a netmask.
pub(super) fn is_ipv4(candidate: &str) -> bool {
    let octet = |part: &str| part.parse::<u8>().ok().filter(|_| part == "0" || !part.starts_with('0'));
    let octets: Option<Vec<u8>> = candidate.split('.').map(octet).collect();
    octets.is_some_and(|octets| !matches!(octets.first(), None | Some(0 | 255)))
}

/// With a country code, or with the area in parentheses, or in three groups as in North America.
pub(super) const PHONE: &str = r"\+[0-9]{1,3}(?:[ .-]?\(?[0-9]{1,4}\)?){2,5}|\([0-9]{2,4}\)[ -]?[0-9]{3,4}[ .-]?[0-9]{3,4}|[0-9]{3}[.-][0-9]{3}[.-][0-9]{4}";

/// E.164 allows 15 digits; fewer than 8 with a country code are no whole number.
pub(super) fn is_phone(candidate: &str) -> bool {
    let digits = candidate.bytes().filter(u8::is_ascii_digit).count();
    (8..=15).contains(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_apart() {
        assert!(is_email("a.b+c@mail.example.org") && !is_email("a@b.c") && !is_email("a..b@example.org"));
        assert!(is_us_ssn("219-09-9999") && !is_us_ssn("666-09-9999") && !is_us_ssn("219-00-9999"));
        assert!(
            is_ipv4("192.168.1.20") && !is_ipv4("256.1.1.1") && !is_ipv4("0.0.0.0") && !is_ipv4("01.2.3.4")
        );
        assert!(is_phone("+1 415 555 2671") && !is_phone("+1 41"));
    }
}
