//! A price list of one provider or model.

mod cost;
#[cfg(test)]
mod tests;

use scrimp_core::{Currency, Money};

use super::{calendar::Period, rate::Rate, rates::TokenRates, window::Window};

/// What a call costs: per request, per KiB each way, per token of each class, by the size of
/// the prompt, by the hour, and by how much was used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    currency: Currency,
    request: Rate,
    kib_in: Rate,
    kib_out: Rate,
    tokens: TokenRates,
    /// Whether tokens have prices at all.
    prices_tokens: bool,
    tiers: Vec<Tier>,
    tiering: Tiering,
    windows: Vec<(Window, TokenRates)>,
    steps: Vec<Step>,
    period: Period,
}

/// Whether a larger prompt re-prices all of its tokens or only those past the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tiering {
    /// One rate holds for the whole request, by the size of its prompt.
    #[default]
    Whole,
    /// Each part of the prompt has its own rate; the answer that of the first.
    Marginal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tier {
    above: u64,
    rates: TokenRates,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    from: u64,
    permille: u32,
}

// === impl Tariff ===

impl Tariff {
    /// Everything for nothing, until told otherwise.
    #[must_use]
    pub fn new(currency: Currency) -> Self {
        Self {
            currency,
            request: Rate::ZERO,
            kib_in: Rate::ZERO,
            kib_out: Rate::ZERO,
            tokens: TokenRates::new(),
            prices_tokens: false,
            tiers: Vec::new(),
            tiering: Tiering::Whole,
            windows: Vec::new(),
            steps: Vec::new(),
            period: Period::Month,
        }
    }

    /// A price per request.
    ///
    /// # Panics
    ///
    /// If it is negative, or in another currency than the tariff, as with every price here.
    #[must_use]
    pub fn per_request(mut self, price: Money) -> Self {
        self.request = self.checked("per_request", price);
        self
    }

    /// A price per 1,024 bytes of request body, by the byte.
    #[must_use]
    pub fn per_kib_in(mut self, price: Money) -> Self {
        self.kib_in = self.checked("per_kib_in", price);
        self
    }

    /// A price per 1,024 bytes of response body, by the byte.
    #[must_use]
    pub fn per_kib_out(mut self, price: Money) -> Self {
        self.kib_out = self.checked("per_kib_out", price);
        self
    }

    /// Prices per token.
    ///
    /// # Panics
    ///
    /// If one is negative, or made of money in another currency than the tariff's.
    #[must_use]
    pub fn tokens(mut self, rates: TokenRates) -> Self {
        self.tokens = self.checked_rates("tokens", rates);
        self.notice_tokens()
    }

    /// Prices for prompts of more than `above` tokens; classes left out keep theirs.
    #[must_use]
    pub fn tier(mut self, above: u64, rates: TokenRates) -> Self {
        let rates = self.checked_rates("tier", rates);
        let place = self.tiers.partition_point(|tier| tier.above <= above);
        self.tiers.insert(place, Tier { above, rates });
        self.notice_tokens()
    }

    /// How tiers apply. Default: [`Tiering::Whole`].
    #[must_use]
    pub fn tiering(mut self, tiering: Tiering) -> Self {
        self.tiering = tiering;
        self
    }

    /// Prices at certain hours, before which tiers give way; the first window that holds
    /// counts.
    #[must_use]
    pub fn window(mut self, window: Window, rates: TokenRates) -> Self {
        let rates = self.checked_rates("window", rates);
        self.windows.push((window, rates));
        self.notice_tokens()
    }

    /// The first so many requests of a period cost nothing.
    #[must_use]
    pub fn free_quota(self, requests: u64, period: Period) -> Self {
        self.volume_step(0, 0, period)
            .volume_step(requests, 1_000, period)
    }

    /// From a number of requests within a period on, a share of the price, in thousandths.
    ///
    /// # Panics
    ///
    /// If `permille` is above 1,000, or steps have two periods.
    #[must_use]
    pub fn volume_step(mut self, from: u64, permille: u32, period: Period) -> Self {
        assert!(
            permille <= 1_000,
            "Tariff: `permille` must be within 0 and 1000 (of the price), not {permille}"
        );
        assert!(
            self.steps.is_empty() || self.period == period,
            "Tariff: `period` must be the same in all volume steps"
        );
        self.period = period;
        self.steps.retain(|step| step.from != from);
        let place = self.steps.partition_point(|step| step.from < from);
        self.steps.insert(place, Step { from, permille });
        self
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// What volume steps are counted over, if there are any.
    #[must_use]
    pub fn volume_period(&self) -> Option<Period> {
        (!self.steps.is_empty()).then_some(self.period)
    }

    /// Whether tokens have prices at all. Where they have none, they are not what is paid
    /// for, and how many there were does not matter.
    #[must_use]
    pub fn prices_tokens(&self) -> bool {
        self.prices_tokens
    }

    fn checked(&self, setting: &str, price: Money) -> Rate {
        let currency = self.currency;
        assert!(
            price.currency() == currency,
            "Tariff: `{setting}` must be in {currency}, as the tariff is, and is {price}"
        );
        assert!(
            !price.is_negative(),
            "Tariff: `{setting}` must not be negative, and is {price}"
        );
        Rate::per(price, 1)
    }

    fn checked_rates(&self, setting: &str, rates: TokenRates) -> TokenRates {
        let currency = self.currency;
        assert!(
            !rates.any_negative(),
            "Tariff: no rate of `{setting}` may be negative: {rates:?}"
        );
        if let Some(other) = rates.foreign(currency) {
            panic!("Tariff: `{setting}` must be in {currency}, as the tariff is, not in {other}");
        }
        rates
    }

    fn notice_tokens(mut self) -> Self {
        let tiers = self.tiers.iter().map(|tier| &tier.rates);
        let mut others = tiers.chain(self.windows.iter().map(|(_, rates)| rates));
        self.prices_tokens = !self.tokens.is_empty() || others.any(|rates| !rates.is_empty());
        self
    }

    /// Whether nothing in it costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        let rates = std::iter::once(&self.tokens)
            .chain(self.tiers.iter().map(|tier| &tier.rates))
            .chain(self.windows.iter().map(|(_, rates)| rates));
        self.request.is_zero()
            && self.kib_in.is_zero()
            && self.kib_out.is_zero()
            && rates.into_iter().all(TokenRates::all_zero)
    }
}
