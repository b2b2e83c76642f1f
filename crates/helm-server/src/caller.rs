use std::collections::BTreeMap;
use std::fmt::Write;

use helm_core::{ConversationId, Message, Role, SegmentName, UserId};
use helm_orchestrator::TurnRequest;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::request::part;
use crate::target::Target;
use crate::wire::Unknown;

/// What chat APIs have no fields for: the body's object `helm`.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(expecting = "an object")]
pub(crate) struct HelmFields {
    /// Who is talking. Default: `user`, `safety_identifier` or `metadata.user_id`, else `anonymous`.
    #[serde(default)]
    pub(crate) user_id: Option<String>,
    /// Which conversation it is. Default: one that follows from the user, the task and the first message.
    #[serde(default)]
    pub(crate) conversation_id: Option<String>,
    /// The group that the user belongs to.
    #[serde(default)]
    pub(crate) segment: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(crate) unknown: Unknown,
}

/// Who asks, in which conversation.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    conversation: Option<ConversationId>,
    segment: Option<SegmentName>,
}

/// What metadata may say, beside what is the application's own.
pub(crate) type Metadata = BTreeMap<String, serde_json::Value>;

impl Caller {
    /// What the request says of its user: the object `helm` first, then `named`, then the metadata.
    pub(crate) fn of(
        helm: Option<&HelmFields>,
        named: Option<(&str, &str)>,
        metadata: Option<&Metadata>,
    ) -> Result<Self, Problem> {
        let own = |field: fn(&HelmFields) -> Option<&String>| helm.and_then(field).map(String::as_str);
        let riding = |name: &str| metadata.and_then(|metadata| metadata.get(name)?.as_str());
        let from = |own: Option<&'_ str>, name: &'static str| match own {
            Some(value) => Some((format!("helm.{name}"), value.to_owned())),
            None => riding(name).map(|value| (format!("metadata.{name}"), value.to_owned())),
        };
        let user = match (own(|helm| helm.user_id.as_ref()), named) {
            (None, Some((param, value))) => Some((param.to_owned(), value.to_owned())),
            (own, _) => from(own, "user_id"),
        };
        let (param, user) = user.unwrap_or_else(|| ("user".to_owned(), "anonymous".to_owned()));
        Ok(Self {
            user: part(&param, &user)?,
            conversation: from(own(|helm| helm.conversation_id.as_ref()), "conversation_id")
                .map(|(param, value)| part(&param, &value))
                .transpose()?,
            segment: from(own(|helm| helm.segment.as_ref()), "segment")
                .map(|(param, value)| part(&param, &value))
                .transpose()?,
        })
    }

    /// The turn that is asked for.
    pub(crate) fn turn(
        self,
        target: &Target,
        chat: helm_orchestrator::llm::ChatRequest,
    ) -> Result<TurnRequest, Problem> {
        let conversation = match self.conversation {
            Some(conversation) => conversation,
            None => derived(&self.user, target, &chat.messages)?,
        };
        let mut turn = TurnRequest::of_chat(self.user.as_str(), target.task.as_str(), chat)?;
        turn = turn.with_conversation(conversation);
        if let Some(strategy) = &target.strategy {
            turn = turn.with_strategy(strategy.clone());
        }
        if let Some(segment) = self.segment {
            turn = turn.with_segment(segment);
        }
        Ok(turn)
    }
}

/// Clients of chat APIs keep no id: what such a conversation begins with stands for it, so that all its turns keep to
/// one draw where the task says so. Two conversations of one user that begin alike are one in this respect.
fn derived(user: &UserId, target: &Target, messages: &[Message]) -> Result<ConversationId, Problem> {
    let first = messages.iter().find(|message| message.role == Role::User);
    let first = first.map(Message::joined_text).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [user.as_str(), target.task.as_str(), &first] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = String::from("auto-");
    for byte in hash.finalize().iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    part("helm.conversation_id", &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target { task: "support".parse().unwrap(), strategy: None }
    }

    #[test]
    fn a_conversation_is_known_by_its_beginning() {
        let ana: UserId = "ana".parse().unwrap();
        let said =
            |texts: &[&str]| texts.iter().map(|text| Message::text(Role::User, *text)).collect::<Vec<_>>();
        let of = |user: &UserId, texts: &[&str]| derived(user, &target(), &said(texts)).unwrap();
        assert_eq!(of(&ana, &["Hi", "and more"]), of(&ana, &["Hi"]));
        assert_ne!(of(&ana, &["Hi"]), of(&ana, &["Ho"]));
        assert_ne!(of(&ana, &["Hi"]), of(&"bob".parse().unwrap(), &["Hi"]));
        assert_eq!(of(&ana, &["Hi"]).as_str().len(), 37);
    }

    #[test]
    fn the_nearest_word_on_the_user_counts() {
        let metadata: Metadata =
            [("user_id".to_owned(), "m".into()), ("segment".to_owned(), "pro".into())].into_iter().collect();
        let helm = HelmFields { user_id: Some("h".to_owned()), ..HelmFields::default() };
        let user = |helm, named, metadata| Caller::of(helm, named, metadata).unwrap().user.to_string();
        assert_eq!(user(Some(&helm), Some(("user", "u")), Some(&metadata)), "h");
        assert_eq!(user(None, Some(("user", "u")), Some(&metadata)), "u");
        assert_eq!(user(None, None, Some(&metadata)), "m");
        assert_eq!(user(None, None, None), "anonymous");
        assert_eq!(Caller::of(None, None, Some(&metadata)).unwrap().segment.unwrap().as_str(), "pro");
        let wrong = Caller::of(None, Some(("user", "")), None).unwrap_err();
        assert_eq!(wrong.param.as_deref(), Some("user"));
    }
}
