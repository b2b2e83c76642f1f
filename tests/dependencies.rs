//! The dependency diagram of `ARCHITECTURE.md` is what cargo sees.
#[test]
fn placeholder() {}
