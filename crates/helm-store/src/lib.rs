#![doc = include_str!("../README.md")]
//!
//! # Two transactions
//!
//! A turn writes twice. [`Store::log_decision`] makes the decision durable before any content leaves;
//! [`Store::commit_turn`] makes outcome, evidence, reward, folded learning state, preferences, conversation,
//! memories and follow-up jobs visible together or not at all. Feedback comes later through
//! [`Store::record_feedback`]. In all three the store knows no algorithm: it hands the evidence of one decision
//! to a [`Settle`] under that decision's row and adds the *difference* between what the decision contributes now
//! and what it contributed before. So a decision counts once, whatever the number of sources, and repeating a
//! request changes nothing.
//!
//! Beside the stores, and needed by none of them: [`TwoLevel`] keeps what is read often in this process, over a
//! [`Cache`] that replicas may share, and a [`Limiter`] holds limits on requests, tokens and money. Neither is ever
//! the truth, so both go on without their server.

mod activity;
mod api_key;
mod bandit;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod batch;
mod cache;
mod changes;
mod checkpoint;
#[cfg(feature = "conformance")]
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a law that does not hold ends the test that runs it"
)]
pub mod conformance;
mod conversation;
#[cfg(all(feature = "sqlite", feature = "postgres"))]
pub mod copy;
mod disguise;
mod error;
pub mod export;
mod fold;
mod job;
mod limit;
mod log;
pub mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod migration;
#[cfg(feature = "postgres")]
pub mod postgres;
mod preference;
mod records;
#[cfg(feature = "redis")]
mod redis;
mod retention;
mod rows;
mod settle;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stored;
mod user;
mod vector;

pub use activity::{Activity, ActivityQuery, Finding, FindingQuery, MOST_SLOTS};
pub use api_key::{ApiKeyStore, KeyHash, StoredKey};
pub use bandit::{
    Audit, BanditState, BanditStore, Mismatch, PriorDocument, StateQuery, StrategyTotal, UserTotal,
};
pub use cache::{
    Cache, CacheCapabilities, CacheEvent, CacheKey, Cached, FENCE, MemoryCache, MemoryCacheOptions, Notice,
    PutOutcome, TwoLevel, TwoLevelOptions, Versioned,
};
pub use conversation::{ConversationStore, StoredMessage, Summary};
pub use error::{Error, ErrorKind, Result};
pub use job::{DeadJob, Job, JobId, JobQueue, JobState, NewJob, TURN_DEADLINE};
pub use limit::{
    Cost, Denied, Limit, LimitKey, Limiter, LimiterCapabilities, Limits, MemoryLimiter, MemoryLimiterOptions,
    Permit, Resource,
};
pub use log::{Cursor, DrawQuery, FeedbackEntry, InteractionLog, LogQuery, Page, SettledDecision, TurnView};
pub use preference::{PreferenceChange, PreferenceStore, Preferences};
pub use records::{Applied, FeedbackReceipt, TurnReceipt, TurnRecord};
#[cfg(feature = "redis")]
pub use redis::{Redis, RedisCache, RedisLimiter, RedisOptions};
pub use retention::{Retained, Retention};
pub use rows::{CandidateRow, InteractionLogExt, ROW_FORMAT, RowQuery, TurnRow};
pub use settle::{Case, Settle, SettleError, Settlement};
pub use store::{Capabilities, Health, MigrationReport, MigrationStatus, Store};
pub use user::{
    Forgetting, Forgotten, MemoryPage, UserConversation, UserJob, UserRecords, UserStatistics, UserStore,
};
pub use vector::{
    Collection, CollectionInfo, Filter, Hit, MOST_DIMENSIONS, Memory, MemoryId, MetadataPath, Metric, Scalar,
    Selection, VectorQuery, VectorStore, Whose,
};
