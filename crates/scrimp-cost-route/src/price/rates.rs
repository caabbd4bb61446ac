//! A rate per token class.

use scrimp_core::Currency;

use super::{
    rate::{Rate, Sum},
    usage::{TokenClass, Usage},
};

/// What tokens cost, by class. A class without a rate of its own has its parent's: cached
/// and other media's input tokens cost what input does, thoughts what output does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenRates([Option<Rate>; TokenClass::COUNT]);

// === impl TokenRates ===

impl TokenRates {
    /// No rate at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Text: what a token of the prompt costs, and one of the answer.
    #[must_use]
    pub fn text(input: Rate, output: Rate) -> Self {
        Self::new()
            .with(TokenClass::Input, input)
            .with(TokenClass::Output, output)
    }

    /// Sets the rate of a class.
    #[must_use]
    pub fn with(mut self, class: TokenClass, rate: Rate) -> Self {
        self.set(class, Some(rate));
        self
    }

    pub(crate) fn set(&mut self, class: TokenClass, rate: Option<Rate>) {
        self.0[class.index()] = rate;
    }

    /// The rate set for this very class.
    #[must_use]
    pub fn own(&self, class: TokenClass) -> Option<Rate> {
        self.0[class.index()]
    }

    /// The rate that holds for a class, its parent's if need be.
    #[must_use]
    pub fn rate(&self, class: TokenClass) -> Option<Rate> {
        self.own(class)
            .or_else(|| class.parent().and_then(|parent| self.rate(parent)))
    }

    /// These, and where they say nothing, those.
    #[must_use]
    pub(crate) fn or(mut self, base: &Self) -> Self {
        for (own, base) in self.0.iter_mut().zip(base.0) {
            *own = own.or(base);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    pub(crate) fn all_zero(&self) -> bool {
        self.0.iter().flatten().all(|rate| rate.is_zero())
    }

    pub(crate) fn any_negative(&self) -> bool {
        self.0.iter().flatten().any(|rate| rate.is_negative())
    }

    /// A currency of theirs that is not this one.
    pub(crate) fn foreign(&self, currency: Currency) -> Option<Currency> {
        let own = self.0.iter().flatten().filter_map(|rate| rate.currency());
        own.into_iter().find(|own| *own != currency)
    }

    /// The sum over all classes; `None` if tokens were used that have no price.
    pub(crate) fn sum(&self, usage: &Usage) -> Option<Sum> {
        let mut sum = Sum::default();
        for class in TokenClass::ALL {
            let count = usage.tokens(class);
            if count > 0 {
                sum.add(self.rate(class)?, count);
            }
        }
        Some(sum)
    }
}
