//! What tokens cost.

mod table;

use helm_core::{NanoUsd, Result, TokenCount, Usage};

pub use table::{InvalidPrices, PriceSource, PriceTable};

/// What a model's tokens cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prices {
    input: NanoUsd,
    output: NanoUsd,
    cached: NanoUsd,
    written: NanoUsd,
    /// The longest prompt that these prices are for.
    up_to: Option<TokenCount>,
}

impl Prices {
    /// Dollars for a million tokens of prompt and of answer.
    ///
    /// # Errors
    ///
    /// [`helm_core::Error::OutOfRange`] when a price is negative, not finite, or beyond 9 billion.
    pub fn per_million(input: f64, output: f64) -> Result<Self> {
        let input = checked(input)?;
        Ok(Self { input, output: checked(output)?, cached: input, written: input, up_to: None })
    }

    /// Dollars for a million tokens of prompt that the provider read from its cache. Default: as for the others.
    ///
    /// # Errors
    ///
    /// As for [`Prices::per_million`].
    pub fn with_cached(self, cached: f64) -> Result<Self> {
        Ok(Self { cached: checked(cached)?, ..self })
    }

    /// Dollars for a million tokens of prompt that the provider wrote to its cache. Default: as for the others.
    ///
    /// # Errors
    ///
    /// As for [`Prices::per_million`].
    pub fn with_cache_write(self, written: f64) -> Result<Self> {
        Ok(Self { written: checked(written)?, ..self })
    }

    /// Leaves longer prompts than this without a price. Default: all have these.
    #[must_use]
    pub fn up_to(self, tokens: TokenCount) -> Self {
        Self { up_to: Some(tokens), ..self }
    }

    /// What this many tokens cost; `None` when the prompt is longer than these prices are for, or the sum does not fit.
    #[must_use]
    pub fn of(&self, usage: Usage) -> Option<NanoUsd> {
        if self.up_to.is_some_and(|most| usage.input > most) {
            return None;
        }
        let part = |tokens: u64, price: NanoUsd| i128::from(tokens) * i128::from(price.nanos());
        let cached = usage.cached.map_or(0, TokenCount::get).min(usage.input.get());
        let written = usage.cache_write.map_or(0, TokenCount::get).min(usage.input.get() - cached);
        let fresh = usage.input.get() - cached - written;
        let prompt = part(fresh, self.input) + part(cached, self.cached) + part(written, self.written);
        let total = prompt + part(usage.output.get(), self.output);
        i64::try_from((total + 500_000) / 1_000_000).ok().map(NanoUsd::from_nanos)
    }
}

fn checked(dollars: f64) -> Result<NanoUsd> {
    if dollars < 0.0 {
        let (what, accepted) = ("a price", "a number of dollars of at least 0");
        return Err(helm_core::Error::OutOfRange { what, accepted, value: dollars });
    }
    NanoUsd::from_dollars(dollars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_priced_exactly() {
        let prices = Prices::per_million(0.25, 2.0).unwrap();
        let mut usage = Usage::reported(TokenCount::new(1_000), TokenCount::new(500));
        assert_eq!(prices.of(usage), Some(NanoUsd::from_nanos(250_000 + 1_000_000)));
        usage.cached = Some(TokenCount::new(600));
        assert_eq!(prices.of(usage), Some(NanoUsd::from_nanos(250_000 + 1_000_000)));
        let cheaper = prices.with_cached(0.05).unwrap();
        assert_eq!(cheaper.of(usage), Some(NanoUsd::from_nanos(100_000 + 30_000 + 1_000_000)));
        usage.cache_write = Some(TokenCount::new(300));
        let dearer = cheaper.with_cache_write(0.5).unwrap();
        assert_eq!(dearer.of(usage), Some(NanoUsd::from_nanos(25_000 + 150_000 + 30_000 + 1_000_000)));
        assert!(Prices::per_million(-1.0, 1.0).is_err());
    }
}
