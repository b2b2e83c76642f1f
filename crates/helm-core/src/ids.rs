use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{Error, Result, excerpt};
use crate::time::Timestamp;

/// What a text id may hold.
#[derive(Clone, Copy)]
enum Alphabet {
    /// Any text without control characters: ids that belong to the application.
    Text,
    /// Letters, digits, `_`, `-`, `.`, `:` and `/`: names that appear in configuration and metric labels.
    Name,
    /// Letters, digits, `_` and `-`, at most 64 of them: what every provider accepts as the name of a tool.
    Tool,
}

fn check(kind: &'static str, alphabet: Alphabet, value: &str) -> Result<()> {
    let refuse = |reason| Err(Error::InvalidId { kind, value: excerpt(value), reason });
    if value.is_empty() {
        return refuse("it is empty");
    }
    if value.len() > 128 {
        return refuse("it is longer than 128 bytes");
    }
    if value.trim() != value {
        return refuse("it begins or ends with white space");
    }
    let accepted = |c: char| match alphabet {
        Alphabet::Text => !c.is_control(),
        Alphabet::Name => c.is_ascii_alphanumeric() || "_-.:/".contains(c),
        Alphabet::Tool => c.is_ascii_alphanumeric() || "_-".contains(c),
    };
    if matches!(alphabet, Alphabet::Tool) && value.len() > 64 {
        return refuse("it is longer than 64 bytes");
    }
    match (value.chars().all(accepted), alphabet) {
        (true, _) => Ok(()),
        (false, Alphabet::Text) => refuse("it holds a control character"),
        (false, Alphabet::Name) => refuse("use ASCII letters, digits and the characters _ - . : /"),
        (false, Alphabet::Tool) => refuse("use ASCII letters, digits and the characters _ -"),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $alphabet:expr) => {
        $(#[$doc])*
        ///
        /// At most 128 bytes, never empty, no surrounding white space. Cloning is cheap.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `value` and makes it an id.
            ///
            /// # Errors
            ///
            /// [`Error::InvalidId`] when `value` is empty, too long or holds a character that is not accepted.
            pub fn new(value: impl AsRef<str>) -> Result<Self> {
                check($kind, $alphabet, value.as_ref())?;
                Ok(Self(Arc::from(value.as_ref())))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(value: &str) -> Result<Self> {
                Self::new(value)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(value: &str) -> Result<Self> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(value: String) -> Result<Self> {
                Self::new(value)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// Whose data it is. Every stored row and every store method carries it.
    TenantId, "tenant", Alphabet::Name
);
text_id!(
    /// Who is talking, in the application's own terms.
    UserId, "user", Alphabet::Text
);
text_id!(
    /// A group of users that learn from each other before they learn from everybody, for example `enterprise`.
    SegmentName, "segment", Alphabet::Name
);
text_id!(
    /// What kind of work it is, for example `support`. A task owns its strategies.
    TaskId, "task", Alphabet::Name
);
text_id!(
    /// A strategy's name without its version.
    StrategyName, "strategy name", Alphabet::Name
);
text_id!(
    /// A conversation, in the application's own terms.
    ConversationId, "conversation", Alphabet::Text
);
text_id!(
    /// The name under which a model is configured.
    ModelName, "model", Alphabet::Name
);
text_id!(
    /// Who gave feedback: `user` unless the application distinguishes more sources.
    SourceName, "feedback source", Alphabet::Name
);
text_id!(
    /// An evaluator's name.
    EvaluatorName, "evaluator", Alphabet::Name
);
text_id!(
    /// A policy's name, for example `thompson`.
    PolicyName, "policy", Alphabet::Name
);
text_id!(
    /// A reward specification's name.
    RewardName, "reward spec", Alphabet::Name
);
text_id!(
    /// A caller's key that makes a repeated request harmless.
    IdempotencyKey, "idempotency key", Alphabet::Text
);

text_id!(
    /// An experiment's key.
    ExperimentKey, "experiment key", Alphabet::Name
);
text_id!(
    /// The name of one side of an experiment.
    VariantName, "variant name", Alphabet::Name
);
text_id!(
    /// What of an experiment's specification must stay as it is while it runs, hashed.
    SpecDigest, "specification digest", Alphabet::Name
);
text_id!(
    /// What a tool is called, in at most 64 bytes.
    ToolName, "tool", Alphabet::Tool
);

impl TenantId {
    /// The tenant of an installation that has only one: `default`.
    #[must_use]
    pub fn single() -> Self {
        Self(Arc::from("default"))
    }
}

impl SourceName {
    /// The person the turn was for: `user`.
    #[must_use]
    pub fn user() -> Self {
        Self(Arc::from("user"))
    }

    /// A model judge: `judge:NAME`. Its judgement counts as an evaluator's, and never as a person's.
    ///
    /// # Errors
    ///
    /// Fails when the name is so long that no source can hold it.
    pub fn judge(name: &EvaluatorName) -> Result<Self> {
        Self::new(format!("{JUDGE}{name}"))
    }

    /// The name of the model judge that this is; `None` of people.
    #[must_use]
    pub fn as_judge(&self) -> Option<&str> {
        self.as_str().strip_prefix(JUDGE)
    }

    /// Whether it is a person, or somebody else who speaks for people, and no model judge.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.as_judge().is_none()
    }
}

/// What the sources of model judges begin with.
const JUDGE: &str = "judge:";

/// A strategy's name and version, written `name@version`. A changed prompt is a new version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StrategyId {
    name: StrategyName,
    version: u32,
}

impl StrategyId {
    /// Version `version` of the strategy `name`.
    #[must_use]
    pub fn new(name: StrategyName, version: u32) -> Self {
        Self { name, version }
    }

    /// The name without the version.
    #[must_use]
    pub fn name(&self) -> &StrategyName {
        &self.name
    }

    /// The version, counted from 1.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }
}

impl fmt::Display for StrategyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.name, self.version))
    }
}

impl fmt::Debug for StrategyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StrategyId({self})")
    }
}

impl FromStr for StrategyId {
    type Err = Error;

    fn from_str(value: &str) -> Result<Self> {
        let invalid = || Error::InvalidStrategyId { value: excerpt(value) };
        let (name, version) = value.rsplit_once('@').ok_or_else(invalid)?;
        let name = StrategyName::new(name).map_err(|_| invalid())?;
        let version = version.parse().map_err(|_| invalid())?;
        Ok(Self { name, version })
    }
}

impl Serialize for StrategyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StrategyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One decision, and with it one turn. A UUID of version 7, so ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecisionId(Uuid);

impl DecisionId {
    /// A fresh id made at `at`. The random part comes from the operating system.
    #[must_use]
    pub fn generate(at: Timestamp) -> Self {
        let micros = at.as_micros().max(0).unsigned_abs();
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let nanos = u32::try_from(rest * 1_000).unwrap_or(0);
        let stamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
        Self(Uuid::new_v7(stamp))
    }

    /// The id with these bytes, for tests and replays.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes, most significant first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecisionId({self})")
    }
}

impl FromStr for DecisionId {
    type Err = Error;

    fn from_str(value: &str) -> Result<Self> {
        let invalid = |_| Error::InvalidDecisionId { value: excerpt(value) };
        Uuid::parse_str(value).map(Self).map_err(invalid)
    }
}

/// The first 8 bytes of the SHA-256 of a text, in hexadecimal.
fn digits(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl SpecDigest {
    /// Hashes a canonical specification to 16 hexadecimal digits.
    #[must_use]
    pub fn of(canonical: &str) -> Self {
        Self(digits(canonical).into())
    }
}

/// The first 8 bytes of the SHA-256 of a policy's canonical configuration, in hexadecimal: equal hashes mean
/// equal sampling laws given equal state.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyHash(String);

impl PolicyHash {
    /// Hashes a canonical configuration.
    #[must_use]
    pub fn of(canonical: &str) -> Self {
        Self(digits(canonical))
    }

    /// The 16 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_would_harm_a_label_or_a_log() {
        for bad in ["", " a", "a ", "a\nb", "ü", &"x".repeat(129)] {
            assert!(TaskId::new(bad).is_err(), "{bad:?}");
        }
        assert!(UserId::new("ana@example.com (Zürich)").is_ok());
        assert!(UserId::new("ana\u{7}").is_err());
    }

    #[test]
    fn strategy_ids_round_trip() {
        let id: StrategyId = "concise@3".parse().unwrap();
        assert_eq!(id.to_string(), "concise@3");
        assert_eq!(serde_json::from_str::<StrategyId>("\"concise@3\"").unwrap(), id);
        for bad in ["concise", "@3", "concise@", "concise@x", "con cise@1"] {
            assert!(bad.parse::<StrategyId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn decision_ids_sort_by_time() {
        let early = DecisionId::generate(Timestamp::from_micros(1_000_000));
        let late = DecisionId::generate(Timestamp::from_micros(2_000_000));
        assert!(early < late);
        assert_eq!(early.to_string().parse::<DecisionId>().unwrap(), early);
    }
}
