//! Recorded traffic with providers, for tests that need real answers and no network.
//!
//! A [`Recorder`] passes requests on and keeps what was said; a [`Player`] answers from what was kept. Both are
//! [transports](crate::Transport), so a model does not know which it has:
//!
//! ```no_run
//! # use std::sync::Arc;
//! use helm_llm::cassette::{Cassette, Player};
//! use helm_llm::codec::OpenAiChat;
//! use helm_llm::{HttpConfig, HttpModel};
//!
//! let player = Player::new(Cassette::load("tests/cassettes/greeting.json".as_ref())?);
//! let config = HttpConfig::new("main".parse()?, "https://api.openai.com/v1");
//! let model = HttpModel::over(OpenAiChat::new("gpt-5-mini"), config, Arc::new(player))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Requests are matched by method, path and body, whatever the order of its fields; each recorded exchange answers
//! once, in the order of recording. A request that matches none is an error that tells the nearest.
//!
//! Before anything is written, secrets are taken out, of requests and of answers alike: the headers of requests and the
//! query of the address are not kept at all, of the answer's headers only those that the client reads. In what is kept
//! dots stand for the request's key, the credentials of its address, those secrets that the recorder was [told
//! of](Recorder::knowing), what looks like a key, the text of fields such as `api_key`, and users, passwords and keys in
//! addresses. A key that a model says piece by piece is not seen where its pieces come as events of their own, and what a
//! person said stays as it is: record with made-up texts.

mod difference;
mod player;
mod recorder;
mod tape;

pub use player::Player;
pub use recorder::Recorder;
pub use tape::{Cassette, CassetteError, Exchange, RecordedReply, RecordedRequest};
