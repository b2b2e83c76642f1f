/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why guardrails could not be set up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A threshold is not one.
    #[error("the threshold of {setting} must be a number from 0 to 1, got {value}")]
    InvalidThreshold {
        /// The category or entity.
        setting: String,
        /// What was given.
        value: f64,
    },
    /// The longest text is not one.
    #[error("max_bytes must be at least 1")]
    InvalidLength,
    /// A word for the lexicon is empty or not a word.
    #[error("{word:?} cannot be a word of the lexicon: give one word of 2 to 63 letters or digits")]
    InvalidWord {
        /// What was given.
        word: String,
    },
    /// There are more words than the lexicon can hold.
    #[error("{words} words are more than the lexicon can hold: give fewer")]
    LexiconTooLarge {
        /// How many.
        words: usize,
    },
    /// The bytes of a linear model are not those of one.
    #[error("this is not the file of a linear model: take one that the trainer wrote")]
    InvalidModel,
    /// Two detectors of a stage share an id.
    #[error("two detectors have the id {id:?}")]
    DuplicateDetector {
        /// The id.
        id: String,
    },
    /// A rule is for an entity that no detector finds.
    #[error("no detector finds {entity:?}; entities are in capitals, such as EMAIL")]
    UnknownEntity {
        /// The entity.
        entity: String,
    },
    /// A rule for an entity does not say what to do.
    #[error("the rule for {entity} needs an action: allow, flag, redact, rewrite, ask or block")]
    MissingAction {
        /// The entity.
        entity: String,
    },
    /// Characters can be kept only of a mask.
    #[error("the rule for {setting} says `keep`, which needs style = \"mask\"")]
    KeepWithoutMask {
        /// The category or entity.
        setting: String,
    },
    /// Pseudonyms are asked for without a key.
    #[error("the style pseudonym needs a key: set pseudonym_key_env to the variable that holds it")]
    MissingKey,
    /// The operating system has no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// A vault cannot be sealed or unsealed.
    #[error("this is no vault that was sealed with this key for this conversation")]
    NotSealed,
    /// A remote check is named that is not there.
    #[error(
        "the check {name:?} is named, but not added: build the engine from GuardrailConfig::builder and add it"
    )]
    MissingCheck {
        /// The check.
        name: String,
    },
    /// A remote check may never run.
    #[error("the concurrency of the remote check {id:?} must be at least 1")]
    NoConcurrency {
        /// The check.
        id: String,
    },
    /// A language is not known.
    #[error(
        "{code:?} is no language that is known; name one at least of ara, cmn, deu, eng, fra, hin, ita, jpn, kor, nld, por, rus, spa, swe, tur, vie"
    )]
    UnknownLanguage {
        /// What was given.
        code: String,
    },
    /// A JSON Schema is none.
    #[error("the JSON Schema is not usable: {why}")]
    InvalidSchema {
        /// What is wrong with it.
        why: String,
    },
    /// A setting needs a feature of this crate that was left out.
    #[error("{setting} needs a build with the feature {feature}")]
    NotBuilt {
        /// The setting.
        setting: &'static str,
        /// The feature.
        feature: &'static str,
    },
    /// A key is too short.
    #[error("a pseudonym key must have at least 16 bytes, better 32 random ones")]
    InvalidKey,
    /// A host of a list is none, or one under which anybody can have a name.
    #[error(
        "{host:?} cannot be listed: give a host name such as example.org, not a public suffix or an address"
    )]
    InvalidHost {
        /// What was given.
        host: String,
    },
    /// A phrase of a list has no word, or is too long.
    #[error("{phrase:?} cannot be a banned phrase: give words of letters or digits, at most 256 bytes")]
    InvalidPhrase {
        /// What was given.
        phrase: String,
    },
}
