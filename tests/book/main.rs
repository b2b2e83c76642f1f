//! The book in `docs/` is whole, its links lead somewhere, and what it tells to type does what it says.

mod blocks;
mod commands;
mod contents;
mod links;
mod page;
mod session;
mod tutorials;

#[path = "../../crates/helm-store/tests/backends/services.rs"]
#[expect(dead_code, reason = "some of it is for other tests")]
mod services;
