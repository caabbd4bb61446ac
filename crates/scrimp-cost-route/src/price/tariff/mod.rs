//! Price list of one provider or model.

mod cost;
#[cfg(test)]
mod tests;

use scrimp_core::{BoxError, Currency, Money, SettingError};

use super::{
    MONEY,
    calendar::Period,
    keep,
    rates::{RateTable, TokenRates},
    unit_price::UnitPrice,
    usage::TokenClass,
    window::PriceWindow,
};

/// Price list of a provider or model: per request, per KiB each way, per token of each class,
/// by the size of the prompt, by the hour, and by earlier usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    currency: Currency,
    request: UnitPrice,
    kib_in: UnitPrice,
    kib_out: UnitPrice,
    tokens: RateTable,
    /// True if tokens have prices.
    prices_tokens: bool,
    tiers: Vec<Tier>,
    tiering: Tiering,
    windows: Vec<(PriceWindow, RateTable)>,
    steps: Vec<Step>,
    period: Period,
    errors_paid: bool,
    /// Error of the first setting that cannot be used.
    error: Option<SettingError>,
}

/// Rule for larger prompts: all tokens are re-priced, or only those past the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tiering {
    /// One rate holds for the whole request, by the size of its prompt.
    #[default]
    Whole,
    /// Each part of the prompt has its own rate. The answer has the rate of the first part.
    Marginal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tier {
    above: u64,
    rates: RateTable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    from: u64,
    permille: u32,
}

// === impl Tariff ===

impl Tariff {
    /// Makes a tariff in which all prices are 0, until they are set.
    #[must_use]
    pub fn new(currency: Currency) -> Self {
        Self {
            currency,
            request: UnitPrice::ZERO,
            kib_in: UnitPrice::ZERO,
            kib_out: UnitPrice::ZERO,
            tokens: RateTable::default(),
            prices_tokens: false,
            tiers: Vec::new(),
            tiering: Tiering::Whole,
            windows: Vec::new(),
            steps: Vec::new(),
            period: Period::Month,
            errors_paid: false,
            error: None,
        }
    }

    /// Sets the price of a request: `per_request("0.001")`. Range of all prices here: 0 or
    /// more, in the currency of the tariff.
    #[must_use]
    pub fn per_request(mut self, price: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        if let Some(price) = self.price("per_request", price) {
            self.request = price;
        }
        self
    }

    /// Sets the price of 1,024 bytes of request body, charged by the byte.
    #[must_use]
    pub fn per_kib_in(mut self, price: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        if let Some(price) = self.price("per_kib_in", price) {
            self.kib_in = price;
        }
        self
    }

    /// Sets the price of 1,024 bytes of response body, charged by the byte.
    #[must_use]
    pub fn per_kib_out(mut self, price: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        if let Some(price) = self.price("per_kib_out", price) {
            self.kib_out = price;
        }
        self
    }

    /// Sets prices per token.
    #[must_use]
    pub fn tokens(mut self, rates: TokenRates) -> Self {
        if let Some(rates) = self.rates("tokens", rates) {
            self.tokens = rates;
        }
        self.notice_tokens()
    }

    /// Adds prices for prompts of more than `above` tokens; classes left out keep theirs.
    #[must_use]
    pub fn tier(mut self, above: u64, rates: TokenRates) -> Self {
        if let Some(rates) = self.rates("tier", rates) {
            let place = self.tiers.partition_point(|tier| tier.above <= above);
            self.tiers.insert(place, Tier { above, rates });
        }
        self.notice_tokens()
    }

    /// Sets how tiers apply. Default: [`Tiering::Whole`].
    #[must_use]
    pub fn tiering(mut self, tiering: Tiering) -> Self {
        self.tiering = tiering;
        self
    }

    /// Sets prices at certain hours, in place of those of tiers. The first window that holds
    /// counts.
    #[must_use]
    pub fn window(mut self, window: PriceWindow, rates: TokenRates) -> Self {
        let checked = window.check();
        keep(&mut self.error, checked);
        if let Some(rates) = self.rates("window", rates) {
            self.windows.push((window, rates));
        }
        self.notice_tokens()
    }

    /// Makes the first requests of a period free.
    #[must_use]
    pub fn free_quota(self, requests: u64, period: Period) -> Self {
        self.volume_step(0, 0, period)
            .volume_step(requests, 1_000, period)
    }

    /// Charges a share of the price, in thousandths, from a number of requests within a
    /// period on. Range of `permille`: 0 to 1,000. All steps count over the same period.
    #[must_use]
    pub fn volume_step(mut self, from: u64, permille: u32, period: Period) -> Self {
        let permille = SettingError::within("Tariff", "permille", permille, 0..=1_000);
        let permille = permille.and_then(|permille| {
            if self.steps.is_empty() || self.period == period {
                return Ok(permille);
            }
            let (first, other) = (self.period.name(), period.name());
            let problem = format!("must be the same in all volume steps, not {first} and {other}");
            Err(SettingError::new("Tariff", "period", problem))
        });
        if let Some(permille) = keep(&mut self.error, permille) {
            self.period = period;
            self.steps.retain(|step| step.from != from);
            let place = self.steps.partition_point(|step| step.from < from);
            self.steps.insert(place, Step { from, permille });
        }
        self
    }

    /// Sets whether answers with an error status are charged too. Default: no: a 4xx costs
    /// nothing, and a 5xx only if it reports usage.
    #[must_use]
    pub fn errors_paid(mut self, paid: bool) -> Self {
        self.errors_paid = paid;
        self
    }

    /// Reports whether answers with an error status are charged.
    pub(crate) fn charges_errors(&self) -> bool {
        self.errors_paid
    }

    /// Checks the settings. A tariff with a setting that cannot be used returns no cost, and a
    /// layer refuses it.
    ///
    /// # Errors
    ///
    /// If a setting cannot be used: the first one that cannot.
    pub fn check(&self) -> Result<(), SettingError> {
        self.error.clone().map_or(Ok(()), Err)
    }

    /// Returns the currency.
    pub(crate) fn currency(&self) -> Currency {
        self.currency
    }

    /// Returns the period of the volume steps, if there are any.
    pub(crate) fn volume_period(&self) -> Option<Period> {
        (!self.steps.is_empty()).then_some(self.period)
    }

    /// Reports whether tokens have prices. If they have none, their number does not matter.
    pub(crate) fn prices_tokens(&self) -> bool {
        self.prices_tokens
    }

    /// Returns the rate of a class as a multiple of that of the prompt's text. 1 if there is none.
    pub(crate) fn multiple(&self, class: TokenClass) -> f32 {
        let rates = self
            .tokens
            .rate(class)
            .zip(self.tokens.rate(TokenClass::Input));
        rates
            .and_then(|(rate, text)| rate.multiple_of(text))
            .unwrap_or(1.0)
    }

    fn price(
        &mut self,
        setting: &'static str,
        price: impl TryInto<Money, Error: Into<BoxError>>,
    ) -> Option<UnitPrice> {
        let currency = self.currency;
        let price = SettingError::read("Tariff", setting, price, MONEY).and_then(|price: Money| {
            if price.currency() != currency {
                return Err(foreign(setting, currency, &price));
            }
            SettingError::within("Tariff", setting, price, Money::zero(currency)..)
        });
        keep(&mut self.error, price).map(UnitPrice::each)
    }

    fn rates(&mut self, setting: &'static str, rates: TokenRates) -> Option<RateTable> {
        let currency = self.currency;
        let rates = rates.checked().and_then(|rates| {
            if let Some(rate) = rates.negative() {
                let problem = format!("must have rates of at least 0, not {rate}");
                return Err(SettingError::new("Tariff", setting, problem));
            }
            match rates.foreign(currency) {
                Some(other) => Err(foreign(setting, currency, &other)),
                None => Ok(rates),
            }
        });
        keep(&mut self.error, rates)
    }

    fn notice_tokens(mut self) -> Self {
        let tiers = self.tiers.iter().map(|tier| &tier.rates);
        let mut others = tiers.chain(self.windows.iter().map(|(_, rates)| rates));
        self.prices_tokens = !self.tokens.is_empty() || others.any(|rates| !rates.is_empty());
        self
    }

    /// Reports whether all prices are zero.
    pub(crate) fn is_free(&self) -> bool {
        let rates = std::iter::once(&self.tokens)
            .chain(self.tiers.iter().map(|tier| &tier.rates))
            .chain(self.windows.iter().map(|(_, rates)| rates));
        self.error.is_none()
            && self.request.is_zero()
            && self.kib_in.is_zero()
            && self.kib_out.is_zero()
            && rates.into_iter().all(RateTable::all_zero)
    }
}

fn foreign(
    setting: &'static str,
    currency: Currency,
    other: &dyn std::fmt::Display,
) -> SettingError {
    let problem = format!("must be in {currency}, as the tariff is, not {other}");
    SettingError::new("Tariff", setting, problem)
}
