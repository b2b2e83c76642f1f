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
//! Before anything is written, keys are taken out: the headers of requests and the query of the address are not kept
//! at all, of the answer's headers only those that the client reads; the request's key, what looks like a key, and
//! fields such as `api_key` become dots in all bodies. What a person said stays as it is: record with made-up texts.

mod difference;
mod player;
mod recorder;
mod scrub;
mod tape;

pub use player::Player;
pub use recorder::Recorder;
pub use tape::{Cassette, CassetteError, Exchange, RecordedReply, RecordedRequest};
