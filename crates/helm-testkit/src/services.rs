use std::io::Write;

/// Set to 1 where no test may be skipped.
const REQUIRED: &str = "HELM_TEST_REQUIRE_SERVICES";

/// The address of a server that the environment names; `None`, and a note, where it names none.
///
/// # Panics
///
/// Panics where services are required: `HELM_TEST_REQUIRE_SERVICES=1`.
#[must_use]
pub fn service(variable: &str, test: &str) -> Option<String> {
    let found = std::env::var(variable).ok();
    if found.is_none() {
        skip(test, &format!("{variable} is not set; see tests/services"));
    }
    found
}

/// Says that a test is skipped, and why. The note is seen also where the output of passing tests is not shown.
///
/// # Panics
///
/// Panics where services are required: `HELM_TEST_REQUIRE_SERVICES=1`.
pub fn skip(test: &str, why: &str) {
    let required = std::env::var(REQUIRED).is_ok_and(|required| required == "1");
    assert!(!required, "{test}: {why}, and {REQUIRED} is 1");
    note(&format!("{test}: skipped, because {why}"));
}

/// Tells people something beside the results of tests.
pub fn note(text: &str) {
    // Nobody can be told that nobody can be told.
    drop(writeln!(std::io::stderr(), "{text}"));
}
