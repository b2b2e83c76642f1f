//! The keys that open the API, what each may do, and whose data it opens.

mod entry;
mod gate;
mod ring;
mod role;

pub use entry::ApiKeysError;
pub(crate) use gate::{Confined, Gate, Key, Pass, Stranger, enter};
pub use ring::ApiKeys;
pub use role::{Role, UnknownRole};
