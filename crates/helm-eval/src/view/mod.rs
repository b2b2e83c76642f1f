//! What evaluators share of the work on an exchange: words, their rarity, and what is measured of them.

mod lexicon;
mod marks;
mod numbers;
mod overlap;
mod phrases;
mod runs;
mod signals;
mod spell;
mod tally;
mod text;

use std::sync::OnceLock;

pub(crate) use marks::prefix;
pub(crate) use numbers::Numbers;
#[cfg(feature = "report")]
pub(crate) use overlap::cosine;
pub(crate) use runs::{Runs, all as runs};
pub use signals::Signals;
#[cfg(feature = "report")]
pub(crate) use spell::key as hash;
pub(crate) use text::Text;
#[cfg(feature = "report")]
pub(crate) use text::word_list;

use crate::exchange::Exchange;

/// The words of an exchange and what is measured of them, each made when it is first asked for.
#[derive(Debug)]
pub(crate) struct View {
    /// Where the texts are that it is of: an exchange that was changed is another.
    places: [(usize, usize); 4],
    user: OnceLock<Text>,
    response: OnceLock<Text>,
    context: OnceLock<Text>,
    passages: OnceLock<Text>,
    runs: OnceLock<Runs>,
    signals: OnceLock<Signals>,
}

fn places(exchange: &Exchange<'_>) -> [(usize, usize); 4] {
    let of = |text: &str| (text.as_ptr().addr(), text.len());
    let history = (exchange.history.as_ptr().addr(), exchange.history.len());
    let passages = (exchange.passages.as_ptr().addr(), exchange.passages.len());
    [of(exchange.user), of(exchange.response), history, passages]
}

impl View {
    pub(crate) fn of(exchange: &Exchange<'_>) -> Self {
        Self {
            places: places(exchange),
            user: OnceLock::new(),
            response: OnceLock::new(),
            context: OnceLock::new(),
            passages: OnceLock::new(),
            runs: OnceLock::new(),
            signals: OnceLock::new(),
        }
    }

    pub(crate) fn is_of(&self, exchange: &Exchange<'_>) -> bool {
        self.places == places(exchange)
    }

    pub(crate) fn user(&self, exchange: &Exchange<'_>) -> &Text {
        self.user.get_or_init(|| Text::new(exchange.user))
    }

    pub(crate) fn response(&self, exchange: &Exchange<'_>) -> &Text {
        self.response.get_or_init(|| Text::new(exchange.response))
    }

    /// The runs of words of the response.
    pub(crate) fn runs(&self, exchange: &Exchange<'_>) -> &Runs {
        self.runs.get_or_init(|| Runs::of(&self.response(exchange).words))
    }

    /// The last turns, and what the user wrote.
    pub(crate) fn context(&self, exchange: &Exchange<'_>) -> &Text {
        if exchange.history.is_empty() {
            return self.user(exchange);
        }
        self.context.get_or_init(|| {
            let mut text = String::new();
            let first = exchange.history.len().saturating_sub(LAST_TURNS);
            for message in exchange.history.iter().skip(first) {
                text.push_str(&message.joined_text());
                text.push('\n');
            }
            text.push_str(exchange.user);
            Text::new(&text)
        })
    }

    pub(crate) fn passages(&self, exchange: &Exchange<'_>) -> &Text {
        self.passages.get_or_init(|| match exchange.passages {
            [passage] => Text::new(passage),
            passages => Text::new(&passages.join("\n")),
        })
    }

    pub(crate) fn signals(&self, exchange: &Exchange<'_>) -> &Signals {
        self.signals.get_or_init(|| Signals::measure(self, exchange))
    }
}

/// How many earlier messages count as context.
const LAST_TURNS: usize = 6;
