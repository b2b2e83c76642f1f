//! Durable state behind small traits.
//!
//! A turn writes twice. [`Store::log_decision`] makes the decision durable before any content leaves;
//! [`Store::commit_turn`] makes outcome, evidence, reward, folded learning state, preferences, conversation,
//! memories and follow-up jobs visible together or not at all. Feedback comes later through
//! [`Store::record_feedback`]. In all three the store knows no algorithm: it hands the evidence of one decision
//! to a [`Settle`] under that decision's row and adds the *difference* between what the decision contributes now
//! and what it contributed before. So a decision counts once, whatever the number of sources, and repeating a
//! request changes nothing.
//!
//! | feature | gives | default |
//! |---|---|---|
//! | (none) | `memory::MemoryStore` | yes |
//! | `sqlite` | `sqlite::SqliteStore`: one file, WAL, group commit, synchronous FULL | yes |
//! | `conformance` | `conformance`: the suites every backend must pass, in-tree or yours | no |

mod bandit;
mod changes;
#[cfg(feature = "conformance")]
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a law that does not hold ends the test that runs it"
)]
pub mod conformance;
mod conversation;
mod error;
mod fold;
mod job;
mod log;
pub mod memory;
mod preference;
mod records;
mod settle;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;
mod vector;

pub use bandit::{
    Audit, BanditState, BanditStore, Mismatch, PriorDocument, StateQuery, StrategyTotal, UserTotal,
};
pub use conversation::{ConversationStore, StoredMessage};
pub use error::{Error, ErrorKind, Result};
pub use job::{DeadJob, Job, JobId, JobQueue, JobState, NewJob, TURN_DEADLINE};
pub use log::{Cursor, DrawQuery, FeedbackEntry, InteractionLog, LogQuery, Page, SettledDecision, TurnView};
pub use preference::{PreferenceChange, PreferenceStore, Preferences};
pub use records::{Applied, FeedbackReceipt, TurnReceipt, TurnRecord};
pub use settle::{Case, Settle, SettleError, Settlement};
pub use store::{Capabilities, Health, MigrationReport, Store};
pub use vector::{
    Collection, CollectionInfo, Filter, Hit, MOST_DIMENSIONS, Memory, MemoryId, MetadataPath, Metric, Scalar,
    Selection, VectorQuery, VectorStore, Whose,
};
