use std::fmt;

use helm_core::{GuardAction, Severity};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, de};

use crate::error::{Error, Result};
use crate::policy::{RedactStyle, Rule};

/// An action, or a table of an action, its conditions and how a span is replaced. What is not said is as usual.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct RuleConfig {
    /// `allow`, `flag`, `redact`, `rewrite`, `ask` or `block`.
    pub action: Option<GuardAction>,
    /// From which score it counts, from 0 to 1.
    pub threshold: Option<f64>,
    /// From which severity it counts: `info`, `low`, `medium`, `high` or `critical`.
    pub severity: Option<Severity>,
    /// What a redacted span is replaced by. Default: `label`.
    pub style: Option<StyleName>,
    /// How many of the last characters a mask keeps. Default: 0.
    pub keep: Option<u8>,
}

/// The name of a [`RedactStyle`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StyleName {
    /// `[EMAIL]`
    Label,
    /// Asterisks.
    Mask,
    /// A hash.
    Hash,
    /// A hash under a key.
    Pseudonym,
}

impl RuleConfig {
    /// This rule, and what is `usual` where it says nothing.
    pub(super) fn over(self, setting: &str, usual: Rule) -> Result<Rule> {
        let usual_style = match usual.style {
            RedactStyle::Label => StyleName::Label,
            RedactStyle::Mask { .. } => StyleName::Mask,
            RedactStyle::Hash => StyleName::Hash,
            RedactStyle::Pseudonym => StyleName::Pseudonym,
        };
        let style = match (self.style.unwrap_or(usual_style), self.keep) {
            (StyleName::Mask, keep) => RedactStyle::Mask { keep: keep.unwrap_or(0) },
            (_, Some(_)) => return Err(Error::KeepWithoutMask { setting: setting.to_owned() }),
            (StyleName::Label, None) => RedactStyle::Label,
            (StyleName::Hash, None) => RedactStyle::Hash,
            (StyleName::Pseudonym, None) => RedactStyle::Pseudonym,
        };
        Ok(Rule {
            action: self.action.unwrap_or(usual.action),
            threshold: self.threshold.unwrap_or(usual.threshold),
            severity: self.severity.unwrap_or(usual.severity),
            style,
        })
    }
}

impl<'de> Deserialize<'de> for RuleConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = RuleConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an action, such as \"redact\", or a table, such as { action = \"redact\", threshold = 0.7 }",
        )
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<RuleConfig, E> {
        let action =
            GuardAction::deserialize(name.into_deserializer()).map_err(|error: E| E::custom(error))?;
        Ok(RuleConfig { action: Some(action), ..RuleConfig::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RuleConfig, A::Error> {
        let table = RuleTable::deserialize(MapAccessDeserializer::new(map)).map_err(A::Error::custom)?;
        let RuleTable { action, threshold, severity, style, keep } = table;
        Ok(RuleConfig { action, threshold, severity, style, keep })
    }
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RuleTable {
    #[cfg_attr(feature = "json-schema", schemars(with = "Option<ActionName>"))]
    action: Option<GuardAction>,
    threshold: Option<f64>,
    #[cfg_attr(feature = "json-schema", schemars(with = "Option<SeverityName>"))]
    severity: Option<Severity>,
    style: Option<StyleName>,
    keep: Option<u8>,
}

#[cfg(feature = "json-schema")]
impl schemars::JsonSchema for RuleConfig {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rule".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (action, table) =
            (generator.subschema_for::<ActionName>(), generator.subschema_for::<RuleTable>());
        schemars::json_schema!({ "anyOf": [action, table] })
    }
}

/// The words for what is done.
#[cfg(feature = "json-schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its names are of use")]
enum ActionName {
    Allow,
    Flag,
    Redact,
    Rewrite,
    Ask,
    Block,
}

/// The words for how bad something is.
#[cfg(feature = "json-schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its names are of use")]
enum SeverityName {
    Info,
    Low,
    Medium,
    High,
    Critical,
}
