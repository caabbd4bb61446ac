//! Prompt caches of the providers, as far as they matter for a request.

use std::sync::Arc;

use tokio::time::Instant;

use super::job::Job;
use crate::{
    TokenClass,
    meter::Call,
    prompt::{Bet, Caches, PromptText},
    state::Entry,
};

/// Expectation for each provider, in their order. Empty if no cache matters.
pub(super) type Bets = Vec<Option<Bet>>;

// === impl Job ===

impl Job {
    /// Reads the prompt, once. Takes its time, so not under the lock.
    pub(super) fn read_prompt(&self) {
        self.text.get_or_init(|| {
            let (data, _) = self.whole.as_ref()?;
            PromptText::read(data, self.model()).map(Arc::new)
        });
    }

    fn text(&self) -> Option<&Arc<PromptText>> {
        self.text.get()?.as_ref()
    }

    /// Expects what each provider's cache holds of the prompt.
    pub(super) fn bets(&self, caches: &Caches, entries: &[Entry], now: Instant) -> Bets {
        let outlook = self
            .text()
            .and_then(|text| Some((text, caches.look(text, now)?)));
        let Some((text, outlook)) = outlook else {
            return Bets::new();
        };
        let tokens = self.usage.prompt();
        let bet = |entry: &Entry| {
            let caching = entry.provider.caching?;
            let price = entry.price(self.model_for(entry)).price;
            let write = match caching.is_long() {
                true => TokenClass::CacheWrite1h,
                false => TokenClass::CacheWrite,
            };
            let prices = [write, TokenClass::CacheRead].map(|class| price.multiple(class));
            caches.bet(
                (text, &outlook),
                now,
                entry.account,
                caching,
                prices,
                tokens,
            )
        };
        entries.iter().map(bet).collect()
    }

    /// Counts the prompt, and what the chosen provider holds of it from now on.
    pub(super) fn place(&self, caches: &mut Caches, bet: Option<&Bet>, now: Instant) {
        if let (Some(text), true) = (self.text(), self.tried.is_empty()) {
            caches.seen(text, now);
        }
        if let Some(bet) = bet {
            caches.hold(bet, bet.write, now);
        }
    }
}

// === impl Call ===

impl Call {
    /// Learns what the provider's cache holds, from the usage that the answer reports. A failed call
    /// has written nothing.
    pub(crate) fn learn_cached(&self, caches: &mut Caches) {
        let Some(bet) = &self.bet else {
            return;
        };
        let now = self.shared.now();
        match self.told() {
            Some(told) if told.prompt => {
                let sum = |classes: &[TokenClass]| {
                    classes.iter().map(|class| told.usage.tokens(*class)).sum()
                };
                let read = sum(&[TokenClass::CacheRead, TokenClass::CacheReadAudio]);
                let written = sum(&[
                    TokenClass::CacheWrite,
                    TokenClass::CacheWrite1h,
                    TokenClass::CacheWrite12h,
                ]);
                caches.told(bet, read, written, told.usage.prompt(), now);
            }
            _ if self.failed.is_some() => caches.hold(bet, bet.held, now),
            // As far as the marks cover the prompt.
            _ => caches.hold(bet, bet.write, now),
        }
    }
}
