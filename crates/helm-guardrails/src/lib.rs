#![doc = include_str!("../README.md")]
//!
//! # Streams
//!
//! A stream lets through what the whole text would have let through, however it is cut:
//!
//! ```
//! use helm_guardrails::core::Stage;
//! use helm_guardrails::{GuardrailEngine, StreamStep};
//!
//! let mut stream = GuardrailEngine::standard().stream(Stage::Output);
//! let mut passed = String::new();
//! for piece in ["Write to an", "a@exam", "ple.com, and ", "not later than today."] {
//!     match stream.push(piece) {
//!         StreamStep::Emit(text) => passed.push_str(&text),
//!         StreamStep::Blocked(result) => panic!("{:?}", result.action),
//!     }
//! }
//! let (rest, result) = stream.finish();
//! assert_eq!(passed + &rest, "Write to [EMAIL], and not later than today.");
//! assert_eq!(result.violations.len(), 1);
//! ```
//!
//! # How it fits together
//!
//! A [`Detector`] finds things in a [`TextView`], which folds disguises away once for all of them and leads back to what
//! was written. A [`StagePolicy`] says by category and entity what is done about findings: allow, flag, redact, rewrite,
//! ask or block. A [`GuardrailEngine`] is both; [`GuardrailConfig`] makes one from configuration. Its
//! [`check`](GuardrailEngine::check) gives a [`GuardrailResult`]; [`stream`](GuardrailEngine::stream) a [`StreamGuard`];
//! [`check_json`](GuardrailEngine::check_json) looks at the arguments of tool calls as they are meant.
//!
//! | detector | finds | by |
//! |---|---|---|
//! | [`PiiFilter`] | 62 kinds of personal data: e-mail, telephone, cards, accounts, identity and tax numbers of some thirty countries, network addresses, wallets | shape, check digit, and the label beside it in thirteen languages and more |
//! | [`SecretFilter`] | keys, tokens, passwords, private keys | vendors' prefixes, names they are assigned to, entropy |
//! | [`UnicodeFilter`] | invisible, misleading and control characters | what stands beside them |
//! | [`UrlFilter`] | links that are not allowed or mislead | lists of hosts, the Public Suffix List, UTS 46 |
//! | [`PhraseFilter`] | banned topics and phrases | one's own lists |
//! | [`LengthLimit`] | what is too long | bytes, characters, tokens |
//! | [`ProfanityFilter`] | swear words, also leet, masked, spaced, stretched and with invisible or foreign letters | a lexicon over folded text |
//! | [`ToxicityFilter`] | insults, threats and hate | a hashed linear model, the lexicon, phrases |
//! | [`InjectionFilter`] | attempts to override the instructions | phrases, encoded payloads, a hashed linear model |
//! | `LanguageFilter` | other languages than some | a linear model |
//! | `SchemaFilter` | what is not JSON of a schema | the schema |
//!
//! One's own detector is a type of four short methods: see the example `own_detector`, and [`check_detector`] for whether it
//! keeps its promises.
//!
//! # What it can do, measured
//!
//! On 3,730 synthetic messages of 46 kinds of personal data and 1,050 with numbers that are nobody's, which were at
//! hand while the rules were written: precision and recall 1.00, no message of the others flagged; the same on 408
//! messages with disguised numbers, with exact places. On the two sets of presidio-research, the eight kinds that have a
//! pattern: F1 1.00. On 1,440 messages of which 840 hold one of 28 kinds of secrets: all found, none of the 600 others.
//! On 550 texts with ten kinds of hidden characters and twelve proper uses of such: all found, no proper use. On texts
//! of other origin: of 2,386 files of Rust sources and documentation (20 MB) none has a number that is taken for
//! personal data other than addresses of networks and mail, and eight values are wrongly taken for secrets.
//! On 2,857 texts of swear words under sixteen disguises and of harmless words that resemble them, at hand while the
//! lexicon was written: F1 0.99, 0.1 % of the harmless flagged. Toxicity, judged by models that had not seen the text:
//! area under the ROC curve 0.98 on the tweets of Davidson et al. 2017, 0.99 on ParaDetox (Logacheva et al. 2022), 0.93
//! and 0.85 on two other sets, 0.52, which is chance, on HateCheck. Injection: 81 % at 1 % of harmless prompts flagged,
//! within the sets that were learned from, and few outside them. `models/README.md` says more.
//!
//! # What it costs, measured
//!
//! One thread of an AMD EPYC on 2026-11-30, built as `cargo build --release` does by default, by the programs in `benches`; the
//! generated part of the book's page on performance has all of it, with other crates beside it.
//!
//! | what | meant to be at most | found |
//! |---|---|---|
//! | every local detector, prose in messages of 1 KB | 20 µs/KB | 13.3 |
//! | the same, a clean message of 200 bytes | 3 µs, no allocation | 2.8, none |
//! | personal data and secrets, messages of five data sets mixed | 10 µs/KB | missed: 17.5, where cerberust 0.2 takes 87 for six kinds and its rules |
//! | the same, prose | 10 µs/KB | 5.5 |
//! | prose that streams in pieces of 4 bytes, beside the whole | 2 times | 2.2; 2.0 with `codegen-units = 1` and thin link-time optimisation; 1.6 by instructions |
//! | bytes of prose held back while it streams | median below 16, most 512 | 13, 77 |
//! | texts that are made to be slow, beside prose: `a@a@`, digits, `1-1-`, `((((`, invisible characters, marks, quotes | 3 times | 2.7 |
//! | of forty more such texts the slowest: `a.a.a.`, digits of other scripts, masked words | | 6.4, 6.0, 5.7 |
//! | until the first message is checked at every stage; memory | 50 ms, 16 MB | 17 ms, 5.6 MB |
//!
//! What costs most on messages that are full of numbers, names of numbers and addresses is branches that a processor guesses
//! wrong: some 920 a kilobyte for personal data and 515 for secrets, by the model of valgrind (`--branch-sim=yes`).
//!
//! # What it cannot do
//!
//! Patterns know no names and places: of all that is marked in the two sets of presidio-research, nine spans in ten are
//! names, addresses and organisations, and 12 and 11 % is what the patterns find. A number that has neither a label nor
//! a check is not reported, nor is a random string that nothing says to be a secret. Nor do patterns know irony or
//! implicit hate, and a lexicon knows no context: a quotation of an
//! insult is found as an insult. The models know words, not meaning, and English alone.
//! Nothing here stops somebody who is determined to talk a model into something.

mod builder;
mod bytes;
mod config;
mod conformance;
mod detector;
mod engine;
mod error;
mod finding;
mod hit;
mod injection;
mod json;
mod key;
#[cfg(feature = "language")]
mod language;
mod length;
mod linear;
mod phrases;
mod pii;
mod plan;
mod policy;
mod profanity;
mod redact;
#[cfg(feature = "remote")]
mod remote;
mod result;
#[cfg(feature = "schema")]
mod schema;
mod secrets;
mod sentence;
mod stream;
mod toxicity;
#[cfg(feature = "train")]
pub mod train;
mod unicode;
mod url;
#[cfg(feature = "vault")]
mod vault;
mod view;

/// The words of the whole house: stages, categories, severities, actions, spans and violations.
pub use helm_core as core;

pub use builder::GuardrailBuilder;
pub use config::{GuardrailConfig, RuleConfig, StageConfig, StyleName};
pub use conformance::{Unfit, check_detector};
pub use detector::{Detector, Reach};
pub use engine::{GuardrailEngine, Rewrite};
pub use error::{Error, Result};
pub use finding::{Finding, Findings};
pub use injection::InjectionFilter;
pub use key::PseudonymKey;
#[cfg(feature = "language")]
pub use language::LanguageFilter;
pub use length::LengthLimit;
pub use linear::LinearModel;
pub use phrases::PhraseFilter;
pub use pii::PiiFilter;
pub use policy::{Hold, OnError, RedactStyle, Rule, StagePolicy};
pub use profanity::ProfanityFilter;
#[cfg(feature = "remote")]
pub use remote::{
    CheckError, CheckRequest, ClassifierCheck, JudgeCheck, ModerationCheck, RemoteCheck, RemoteLimits,
    Transport,
};
pub use result::{GuardrailResult, Ran, RanOutcome};
#[cfg(feature = "schema")]
pub use schema::SchemaFilter;
pub use secrets::SecretFilter;
pub use sentence::sentences;
pub use stream::{StreamGuard, StreamStep};
pub use toxicity::ToxicityFilter;
pub use unicode::UnicodeFilter;
pub use url::UrlFilter;
#[cfg(feature = "vault")]
pub use vault::{Restored, Restorer, Vault, VaultKey};
pub use view::{Folded, TextView};
