//! A price list of one provider or model.

use std::time::SystemTime;

use scrimp_core::{Currency, Money};

use super::{
    calendar::Period,
    rate::{Rate, Sum},
    rates::TokenRates,
    usage::{TokenClass, Usage},
    window::Window,
};

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
    /// If it is negative, as with every price here.
    #[must_use]
    pub fn per_request(mut self, price: Money) -> Self {
        self.request = checked("per_request", Rate::per(price, 1));
        self
    }

    /// A price per 1,024 bytes of request body, by the byte.
    #[must_use]
    pub fn per_kib_in(mut self, price: Money) -> Self {
        self.kib_in = checked("per_kib_in", Rate::per(price, 1));
        self
    }

    /// A price per 1,024 bytes of response body, by the byte.
    #[must_use]
    pub fn per_kib_out(mut self, price: Money) -> Self {
        self.kib_out = checked("per_kib_out", Rate::per(price, 1));
        self
    }

    /// Prices per token.
    #[must_use]
    pub fn tokens(mut self, rates: TokenRates) -> Self {
        self.tokens = checked_rates("tokens", rates);
        self.notice_tokens()
    }

    /// Prices for prompts of more than `above` tokens; classes left out keep theirs.
    #[must_use]
    pub fn tier(mut self, above: u64, rates: TokenRates) -> Self {
        let rates = checked_rates("tier", rates);
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
        self.windows.push((window, checked_rates("window", rates)));
        self
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

    /// What a call costs at a time, as the `used + 1`st of its volume period.
    ///
    /// `None` if tokens were used that have no price: unknown, not free.
    #[must_use]
    pub fn cost(&self, usage: &Usage, now: SystemTime, used: u64) -> Option<Money> {
        let mut sum = self.token_cost(usage, now)?;
        sum.add(self.request, 1);
        sum.add_kib(self.kib_in, usage.bytes_in);
        sum.add_kib(self.kib_out, usage.bytes_out);
        Some(sum.permille(self.share(used)).money(self.currency))
    }

    fn share(&self, used: u64) -> u32 {
        let passed = self.steps.partition_point(|step| step.from <= used);
        passed
            .checked_sub(1)
            .map_or(1_000, |last| self.steps[last].permille)
    }

    /// Whether tokens have prices at all. Where they have none, they are not what is paid
    /// for, and how many there were does not matter.
    #[must_use]
    pub fn prices_tokens(&self) -> bool {
        self.prices_tokens
    }

    fn notice_tokens(mut self) -> Self {
        let mut others = self.tiers.iter().map(|tier| &tier.rates);
        self.prices_tokens = !self.tokens.is_empty() || others.any(|rates| !rates.is_empty());
        self
    }

    fn token_cost(&self, usage: &Usage, now: SystemTime) -> Option<Sum> {
        if !self.prices_tokens() {
            return Some(Sum::default());
        }
        let window = self.windows.iter().find(|(window, _)| window.holds(now));
        let hourly = |rates: TokenRates| window.map_or(rates, |(_, over)| over.or(&rates));
        match self.tiering {
            Tiering::Whole => hourly(self.rates_for(usage.prompt())).sum(usage),
            Tiering::Marginal => self.marginal(usage, hourly),
        }
    }

    /// Tiers build on one another, from the smallest up.
    fn rates_for(&self, prompt: u64) -> TokenRates {
        let passed = self.tiers.iter().take_while(|tier| prompt > tier.above);
        passed.fold(self.tokens, |rates, tier| tier.rates.or(&rates))
    }

    fn marginal(&self, usage: &Usage, hourly: impl Fn(TokenRates) -> TokenRates) -> Option<Sum> {
        let (mut left, mut start) = (*usage, 0);
        let bounds = self.tiers.iter().map(|tier| tier.above);
        let mut sum = Sum::default();
        for end in bounds.chain([u64::MAX]) {
            // The answer goes with the first part.
            let part = take_prompt(&mut left, end - start, start == 0);
            let rates = self.rates_for(start.saturating_add(1));
            sum = sum.plus(hourly(rates).sum(&part)?);
            start = end;
        }
        Some(sum)
    }
}

/// Takes so many tokens of prompt out, in the order of their classes.
fn take_prompt(left: &mut Usage, mut room: u64, answer: bool) -> Usage {
    let mut part = Usage::default();
    for class in TokenClass::ALL {
        let have = left.tokens(class);
        let take = match (class.is_input(), answer) {
            (true, _) => have.min(room),
            (false, true) => have,
            (false, false) => 0,
        };
        if class.is_input() {
            room -= take;
        }
        part = part.with(class, take);
        *left = left.with(class, have - take);
    }
    part
}

fn checked(setting: &str, rate: Rate) -> Rate {
    assert!(
        !rate.is_negative(),
        "Tariff: `{setting}` must not be negative, and is {rate}"
    );
    rate
}

fn checked_rates(setting: &str, rates: TokenRates) -> TokenRates {
    assert!(
        !rates.any_negative(),
        "Tariff: no rate of `{setting}` may be negative: {rates:?}"
    );
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn cost(tariff: &Tariff, usage: Usage, used: u64) -> String {
        tariff.cost(&usage, UNIX_EPOCH, used).unwrap().to_string()
    }

    #[test]
    fn requests_and_kilobytes_add_up() {
        let tariff = Tariff::new(Currency::USD)
            .per_request(money("0.01"))
            .per_kib_in(money("0.001"))
            .per_kib_out(money("0.002"));
        assert_eq!(cost(&tariff, Usage::bytes(1_536, 512), 0), "$0.0125");
    }

    #[test]
    fn a_tier_reprices_the_whole_request_or_only_what_is_past_it() {
        let tokens = TokenRates::text(rate("0.001"), rate("0.002"));
        let larger = TokenRates::new().with(TokenClass::Input, rate("0.003"));
        let whole = Tariff::new(Currency::USD).tokens(tokens).tier(100, larger);
        assert_eq!(cost(&whole, Usage::text(100, 10), 0), "$0.12");
        assert_eq!(cost(&whole, Usage::text(101, 10), 0), "$0.323");
        let marginal = whole.tiering(Tiering::Marginal);
        assert_eq!(cost(&marginal, Usage::text(101, 10), 0), "$0.123");
    }

    #[test]
    fn tokens_without_a_price_make_the_cost_unknown_not_zero() {
        let tariff = Tariff::new(Currency::USD)
            .tokens(TokenRates::new().with(TokenClass::Input, Rate::ZERO));
        assert_eq!(tariff.cost(&Usage::text(5, 1), UNIX_EPOCH, 0), None);
        assert!(tariff.cost(&Usage::text(5, 0), UNIX_EPOCH, 0).is_some());
    }

    #[test]
    fn a_free_quota_comes_first_and_volume_makes_it_cheaper() {
        let tariff = Tariff::new(Currency::USD)
            .per_request(money("1"))
            .free_quota(10, Period::Day)
            .volume_step(100, 500, Period::Day);
        for (used, expected) in [(0, "$0.00"), (9, "$0.00"), (10, "$1.00"), (100, "$0.50")] {
            assert_eq!(cost(&tariff, Usage::default(), used), expected, "{used}");
        }
    }

    #[test]
    fn nights_are_cheaper_where_the_tariff_says_so() {
        let day = TokenRates::text(rate("0.002"), rate("0.002"));
        let night = TokenRates::new().with(TokenClass::Input, rate("0.001"));
        let tariff = Tariff::new(Currency::USD)
            .tokens(day)
            .window(Window::daily(0, 60), night);
        let at = |minutes: u64| UNIX_EPOCH + Duration::from_secs(minutes * 60);
        let usage = Usage::text(1, 1).with(TokenClass::CacheRead, 1);
        // What is cached has no price of its own, so it follows the input's at night too.
        assert_eq!(tariff.cost(&usage, at(59), 0), Some(money("0.004")));
        assert_eq!(tariff.cost(&usage, at(60), 0), Some(money("0.006")));
    }

    #[test]
    #[should_panic(expected = "`permille` must be within 0 and 1000")]
    fn a_step_above_the_price_is_refused() {
        let _ = Tariff::new(Currency::USD).volume_step(0, 1_001, Period::Day);
    }
}
