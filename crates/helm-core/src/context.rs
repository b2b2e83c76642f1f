use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::{ConversationId, SegmentName, TaskId, TenantId, Timestamp, UserId};

/// What the policy knows before it decides.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Context {
    /// Whose installation.
    pub tenant: TenantId,
    /// Who is talking.
    pub user: UserId,
    /// The group of users they belong to, if the application names one.
    pub segment: Option<SegmentName>,
    /// What kind of work.
    pub task: TaskId,
    /// The conversation the turn belongs to, if any.
    pub conversation: Option<ConversationId>,
    /// Numbers that describe the turn. Empty for context-free policies.
    pub features: Features,
    /// When the turn began.
    pub at: Timestamp,
}

impl Context {
    /// A context without segment, conversation and features.
    #[must_use]
    pub fn new(tenant: TenantId, user: UserId, task: TaskId, at: Timestamp) -> Self {
        Self { tenant, user, segment: None, task, conversation: None, features: Features::none(), at }
    }
}

/// A dense vector of finite numbers and the schema that says what they mean.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "UncheckedFeatures")]
pub struct Features {
    schema: u64,
    values: Arc<[f64]>,
}

#[derive(Deserialize)]
struct UncheckedFeatures {
    schema: u64,
    values: Vec<f64>,
}

impl Features {
    /// No features; schema 0.
    #[must_use]
    pub fn none() -> Self {
        Self { schema: 0, values: Arc::from([]) }
    }

    /// Checks `values`, which mean what the application's schema number `schema` says.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when a value is NaN or infinite.
    pub fn new(schema: u64, values: Vec<f64>) -> Result<Self> {
        match values.iter().find(|value| !value.is_finite()) {
            None => Ok(Self { schema, values: values.into() }),
            Some(&value) => Err(Error::OutOfRange { what: "a feature", accepted: "a finite number", value }),
        }
    }

    /// What the values mean.
    #[must_use]
    pub fn schema(&self) -> u64 {
        self.schema
    }

    /// The values, in the schema's order.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

impl TryFrom<UncheckedFeatures> for Features {
    type Error = Error;

    fn try_from(unchecked: UncheckedFeatures) -> Result<Self> {
        Self::new(unchecked.schema, unchecked.values)
    }
}
