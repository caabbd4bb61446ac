//! Another provider of the same responses, as the user describes it.

use std::{str::FromStr, time::Duration};

use scrimp_core::{Currency, Money};

use crate::{
    error::{Error, Result},
    ttl::Ttl,
};

/// Another provider of the same responses: the price of its calls, and their duration.
///
/// ```
/// use scrimp_replay::Offer;
///
/// let offer: Offer = "budget price=0.004 latency=900ms quality=0.8".parse()?;
/// assert_eq!(offer.name(), "budget");
/// assert!("budget".parse::<Offer>().is_err(), "the price is missing");
/// # Ok::<(), scrimp_replay::Error>(())
/// ```
///
/// | word | meaning |
/// |---|---|
/// | first | its name |
/// | `price=0.004` | price of a call, in the currency of the replay; required |
/// | `latency=900ms` | time until the response is complete; default: that of the upstream |
/// | `quality=0.8` | quality of its responses, from 0 to 1; default: 0.9, as for the upstream |
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub(crate) name: String,
    pub(crate) price: Money,
    pub(crate) latency: Option<Duration>,
    pub(crate) quality: f64,
}

/// Default quality of responses: that of the router.
pub(crate) const QUALITY: f64 = 0.9;

/// Name of the upstream in the log.
pub(crate) const UPSTREAM: &str = "upstream";

/// Settings of batches, if the upstream accepts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    pub(crate) window: Duration,
    pub(crate) most: usize,
}

// === impl Offer ===

impl Offer {
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the price of a call, as a number of units of the replay's currency.
    pub(crate) fn price_in(&self, currency: Currency) -> Money {
        Money::from_pico(self.price.pico(), currency)
    }

    /// Reads several providers, one per line. Blank lines and lines that begin with `#` are
    /// skipped.
    ///
    /// # Errors
    ///
    /// If a line is not a provider.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        let lines = text.lines().map(str::trim);
        let offers = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        offers.map(str::parse).collect()
    }

    fn word(&mut self, key: &str, value: &str) -> std::result::Result<(), &'static str> {
        match key {
            "price" => {
                let price: Money = value
                    .parse()
                    .map_err(|_| "price must be an amount such as 0.004")?;
                if price.is_negative() {
                    return Err("price must be 0 or more");
                }
                self.price = price;
            }
            "latency" => match value.parse() {
                Ok(Ttl::After(time)) if time <= Duration::from_secs(3_600) => {
                    self.latency = Some(time);
                }
                _ => return Err("latency must be a time of at most an hour, such as 900ms"),
            },
            "quality" => match value.parse() {
                Ok(share) if (0.0..=1.0).contains(&share) => self.quality = share,
                _ => return Err("quality must be a number from 0 to 1"),
            },
            _ => return Err("the words are a name, price=, latency= and quality="),
        }
        Ok(())
    }
}

impl FromStr for Offer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::new(format!("the provider {text:?} cannot be used: {why}"));
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        if name.is_empty() || name.contains('=') {
            return Err(wrong("its name comes first, as in \"budget price=0.004\""));
        }
        if name == UPSTREAM {
            return Err(wrong(
                "\"upstream\" is the upstream in the log: --price and --latency describe it",
            ));
        }
        let mut offer = Self {
            name: name.to_owned(),
            price: Money::ZERO,
            latency: None,
            quality: QUALITY,
        };
        let mut priced = false;
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| wrong("the name must be followed by words such as price=0.004"))?;
            priced |= key == "price";
            offer.word(key, value).map_err(wrong)?;
        }
        if priced {
            Ok(offer)
        } else {
            Err(wrong("it needs a price, such as price=0.004"))
        }
    }
}

// === impl Batching ===

impl Default for Batching {
    /// Returns a short wait for the first request of a batch, and the smallest limit among
    /// well-known APIs (Microsoft Graph's).
    fn default() -> Self {
        Self {
            window: Duration::from_millis(50),
            most: 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_provider_is_refused_with_the_accepted_form() {
        for (text, says) in [
            ("", "name comes first"),
            ("price=1", "name comes first"),
            ("budget", "needs a price"),
            ("budget price=cheap", "such as 0.004"),
            ("budget price=-1", "0 or more"),
            ("budget 0.01", "price=0.004"),
            ("budget price=1 latency=soon", "900ms"),
            ("budget price=1 quality=2", "from 0 to 1"),
            ("budget price=1 quality=NaN", "from 0 to 1"),
            ("budget price=1 colour=red", "quality="),
            ("upstream price=1", "--price"),
        ] {
            let error = text.parse::<Offer>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_contains_one_provider_per_line() {
        let offers = Offer::list("# cheap\n\nbudget price=0.004\n  other price=1 latency=2s\n");
        let offers = offers.expect("two of them");
        assert_eq!(
            (offers.len(), offers[1].latency),
            (2, Some(Duration::from_secs(2)))
        );
        assert!(Offer::list("budget price=1\nnonsense").is_err());
    }
}
