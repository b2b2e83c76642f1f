use std::sync::Arc;

use helm_core::{Timestamp, TokenCount};
use serde::Deserialize;

use super::Prices;

/// Dated list prices by provider and model: data, not code.
///
/// A model that is not in it has no price, and a turn of it an unknown cost, never none.
#[derive(Debug)]
pub struct PriceTable {
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    prices: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    provider: String,
    model: String,
    /// The first day, as `2025-08-07`.
    from: String,
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    /// The longest prompt, in tokens, that these prices are for.
    up_to: Option<u64>,
}

/// A table of prices cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the table of prices cannot be used: {0}")]
pub struct InvalidPrices(String);

impl PriceTable {
    /// The table that this build brings along.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn builtin() -> Result<Self, InvalidPrices> {
        Self::from_json(include_str!("prices.json"))
    }

    /// Reads a table:
    /// `{"prices": [{"provider", "model", "from", "input", "output", "cache_read"?, "cache_write"?, "up_to"?}]}`, in
    /// dollars for a million tokens; `up_to` is the longest prompt, in tokens, that the prices are for.
    ///
    /// # Errors
    ///
    /// [`InvalidPrices`] when it is not one, a price is none, or a date is not written as `2025-08-07`.
    pub fn from_json(text: &str) -> Result<Self, InvalidPrices> {
        let listed: Listed = serde_json::from_str(text).map_err(|error| InvalidPrices(error.to_string()))?;
        for entry in &listed.prices {
            let wrong = |what: String| InvalidPrices(format!("{} {}: {what}", entry.provider, entry.model));
            entry.prices().map_err(|error| wrong(error.to_string()))?;
            if !is_date(&entry.from) {
                return Err(wrong(format!("write from as 2025-08-07, not {}", entry.from)));
            }
        }
        Ok(Self { entries: listed.prices })
    }

    /// What a model costs at a time; `None` when that is not known. A dated name, as `gpt-4o-2024-08-06`, is the model
    /// of that name, unless it is listed itself.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str, at: Timestamp) -> Option<Prices> {
        let today = at.to_string();
        let of_this = |entry: &&Entry| entry.provider == provider && is_named(&entry.model, model);
        let begun = |entry: &&Entry| today.get(..10).is_some_and(|today| entry.from.as_str() <= today);
        let rank = |entry: &&Entry| (entry.model.len(), entry.from.clone());
        self.entries.iter().filter(of_this).filter(begun).max_by_key(rank)?.prices().ok()
    }
}

impl Entry {
    fn prices(&self) -> helm_core::Result<Prices> {
        let mut prices = Prices::per_million(self.input, self.output)?;
        if let Some(read) = self.cache_read {
            prices = prices.with_cached(read)?;
        }
        if let Some(write) = self.cache_write {
            prices = prices.with_cache_write(write)?;
        }
        Ok(self.up_to.map_or(prices, |tokens| prices.up_to(TokenCount::new(tokens))))
    }
}

/// Whether `asked` is the name, or that with a date or `latest` behind it.
fn is_named(name: &str, asked: &str) -> bool {
    let Some(rest) = asked.strip_prefix(name) else { return false };
    let date = |rest: &str| {
        rest == "latest" || is_date(rest) || (rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(date)
}

fn is_date(text: &str) -> bool {
    let mark =
        |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(mark)
}

/// Where the prices of a model come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PriceSource {
    /// These.
    Fixed(Prices),
    /// A table, under these names.
    Listed {
        /// The table.
        table: Arc<PriceTable>,
        /// The provider as the table names it.
        provider: String,
        /// The model as the provider names it.
        model: String,
    },
}

impl PriceSource {
    /// The prices at a time, as far as they are known.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<Prices> {
        match self {
            Self::Fixed(prices) => Some(*prices),
            Self::Listed { table, provider, model } => table.find(provider, model, at),
        }
    }
}

impl From<Prices> for PriceSource {
    fn from(prices: Prices) -> Self {
        Self::Fixed(prices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(day: &str) -> Timestamp {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    fn entry(model: &str, from: &str, input: f64, more: &str) -> String {
        format!(
            r#"{{"provider":"openai","model":"{model}","from":"{from}","input":{input},"output":4{more}}}"#
        )
    }

    #[test]
    fn prices_hold_from_their_day_on_and_unknown_ones_are_unknown() {
        let entries = [
            entry("o3", "2025-04-16", 10.0, ""),
            entry("o3", "2025-06-10", 2.0, ""),
            entry("o3-2025-04-16", "2025-04-16", 9.0, ""),
        ];
        let table = PriceTable::from_json(&format!(r#"{{"prices":[{}]}}"#, entries.join(","))).unwrap();
        let found = |model: &str, day: &str| table.find("openai", model, on(day));
        let costs = |input: f64| Prices::per_million(input, 4.0).ok();
        assert_eq!((found("o3", "2025-06-09"), found("o3", "2025-06-10")), (costs(10.0), costs(2.0)));
        assert_eq!(found("o3-2025-04-16", "2025-12-01"), costs(9.0), "it is listed itself");
        assert_eq!(found("o3-2025-12-24", "2025-12-01"), costs(2.0));
        assert_eq!(found("o3-latest", "2025-12-01"), costs(2.0));
        for (model, day) in
            [("o3", "2025-01-01"), ("o3-pro", "2025-12-01"), ("o3-pro-2025-06-10", "2025-12-01")]
        {
            assert_eq!(found(model, day), None, "{model} on {day}");
        }
        assert_eq!(table.find("somebody", "o3", on("2025-12-01")), None);
    }

    #[test]
    fn the_table_of_this_build_can_be_read() {
        let table = PriceTable::builtin().unwrap();
        let found = |provider: &str, model: &str| table.find(provider, model, on("2026-12-01"));
        let expected = Prices::per_million(0.15, 0.6).unwrap().with_cached(0.075).ok();
        assert_eq!(found("openai", "gpt-4o-mini-2024-07-18"), expected);
        let expected =
            Prices::per_million(3.0, 15.0).unwrap().with_cached(0.3).unwrap().with_cache_write(3.75).ok();
        assert_eq!(found("anthropic", "claude-sonnet-4-5-20250929"), expected);
        assert_eq!(found("openai", "gpt-4o-audio-preview"), None);
        let long = helm_core::Usage::reported(TokenCount::new(300_000), TokenCount::new(1));
        let tiered = found("openai", "gpt-5.4").unwrap();
        assert_eq!(tiered.of(long), None, "so long a prompt has another price");
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let entry = |more: &str| format!(r#"{{"prices":[{{"provider":"p","model":"m",{more}}}]}}"#);
        for bad in [
            "{".to_owned(),
            "[]".to_owned(),
            entry(r#""from":"2025-08-07","input":-1,"output":1"#),
            entry(r#""from":"August","input":1,"output":1"#),
            entry(r#""from":"2025-08-07","input":1,"output":1,"free":true"#),
        ] {
            assert!(PriceTable::from_json(&bad).is_err(), "{bad}");
        }
    }
}
