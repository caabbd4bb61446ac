//! Another provider of the same answers, as the person who replays describes it.

use std::{str::FromStr, time::Duration};

use scrimp_core::{Currency, Money};

use crate::{
    error::{Error, Result},
    ttl::Ttl,
};

/// Another provider of the same answers: what a call costs there, and how long it takes.
///
/// ```
/// use scrimp_replay::Offer;
///
/// let offer: Offer = "budget price=0.004 latency=900ms quality=0.8".parse()?;
/// assert_eq!(offer.name(), "budget");
/// assert!("budget".parse::<Offer>().is_err(), "for what price?");
/// # Ok::<(), scrimp_replay::Error>(())
/// ```
///
/// | word | meaning |
/// |---|---|
/// | first | its name |
/// | `price=0.004` | of a call, in the currency of the replay; required |
/// | `latency=900ms` | until the answer is whole; that of the upstream if left out |
/// | `quality=0.8` | of its answers, from 0 to 1; 0.9, as that of the upstream, if left out |
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub(crate) name: String,
    pub(crate) price: Money,
    pub(crate) latency: Option<Duration>,
    pub(crate) quality: f64,
}

/// What answers are worth if nothing is said: the router's own default.
pub(crate) const QUALITY: f64 = 0.9;

/// The name of the upstream that the log tells of.
pub(crate) const UPSTREAM: &str = "upstream";

// === impl Offer ===

impl Offer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a call costs there, as a number of the currency's units; which currency, the
    /// replay's price says.
    pub(crate) fn price_in(&self, currency: Currency) -> Money {
        Money::from_pico(self.price.pico(), currency)
    }

    /// Several of them: a line each, blank ones and those that begin with `#` left out.
    ///
    /// # Errors
    ///
    /// If a line is none.
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
                    .map_err(|_| "price is an amount such as 0.004")?;
                if price.is_negative() {
                    return Err("price is 0 or more");
                }
                self.price = price;
            }
            "latency" => match value.parse() {
                Ok(Ttl::After(time)) if time <= Duration::from_secs(3_600) => {
                    self.latency = Some(time);
                }
                _ => return Err("latency is a time of at most an hour, such as 900ms"),
            },
            "quality" => match value.parse() {
                Ok(share) if (0.0..=1.0).contains(&share) => self.quality = share,
                _ => return Err("quality is a number from 0 to 1"),
            },
            _ => return Err("it has a name, price=, latency= and quality="),
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
                "\"upstream\" is the one that the log tells of: --price and --latency describe it",
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
                .ok_or_else(|| wrong("after its name come words such as price=0.004"))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_provider_is_refused_and_says_what_would_be() {
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
    fn a_file_holds_one_a_line() {
        let offers = Offer::list("# cheap\n\nbudget price=0.004\n  other price=1 latency=2s\n");
        let offers = offers.expect("two of them");
        assert_eq!(
            (offers.len(), offers[1].latency),
            (2, Some(Duration::from_secs(2)))
        );
        assert!(Offer::list("budget price=1\nnonsense").is_err());
    }
}
