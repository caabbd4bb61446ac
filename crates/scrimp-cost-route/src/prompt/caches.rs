//! State of all prompt caches of a layer.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::{
    bet::Bet,
    settings::{CacheWrites, Caching},
    text::PromptText,
};
use crate::engine::{CacheTerms, Outlook, Prompts};

/// Blocks of prompts that are remembered, at most: 128 MiB of text, in some megabytes.
const MOST: usize = 1 << 17;
/// Weight of one answer in what is expected of the next.
const STEP: f32 = 0.1;

/// Contents of all providers' prompt caches, by account.
#[derive(Debug)]
pub(crate) struct Caches {
    start: Instant,
    /// `None` until a provider has a cache.
    prompts: Option<Box<Prompts>>,
    accounts: HashMap<Arc<str>, u32>,
    /// Share of the tokens expected from its cache that an account has read from it.
    trust: Vec<f32>,
}

// === impl Caches ===

impl Caches {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            prompts: None,
            accounts: HashMap::new(),
            trust: Vec::new(),
        }
    }

    /// Returns the number of an account. `caching` describes its cache, if it has one.
    pub(crate) fn account(&mut self, name: &Arc<str>, caching: Option<Caching>) -> u32 {
        if let Some(caching) = caching {
            let lifetime = caching.lifetime.as_secs_f64();
            self.prompts
                .get_or_insert_with(|| Prompts::new(MOST, lifetime).into());
        }
        let next = self.trust.len();
        let number = *self.accounts.entry(Arc::clone(name)).or_insert(next as u32);
        if number as usize == next {
            self.trust.push(1.0);
        }
        number
    }

    pub(crate) fn is_used(&self) -> bool {
        self.prompts.is_some()
    }

    fn seconds(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.start).as_secs_f64()
    }

    pub(crate) fn look(&self, text: &PromptText, now: Instant) -> Option<Outlook> {
        let prompts = self.prompts.as_ref()?;
        Some(prompts.look(self.seconds(now), &text.prompt))
    }

    /// Expects what an account's cache holds of a prompt, and what is worth to be written to it.
    /// `write` and `read` are prices, as multiples of a token's price.
    pub(crate) fn bet(
        &self,
        (text, outlook): (&Arc<PromptText>, &Outlook),
        now: Instant,
        account: u32,
        caching: Caching,
        [write, read]: [f32; 2],
        tokens: u64,
    ) -> Option<Bet> {
        let prompts = self.prompts.as_ref()?;
        let blocks = text.prompt.hashes.len() as u32;
        let per_block = tokens as f64 * super::text::BLOCK as f64 / text.length as f64;
        let least = (caching.least as f64 / per_block.max(1e-9)).ceil().min(1e9) as u32;
        let mut held = prompts.held(self.seconds(now), outlook, account);
        if held < least {
            held = 0;
        }
        let write = match caching.writes {
            CacheWrites::Automatic if blocks >= least => blocks,
            CacheWrites::Automatic => 0,
            CacheWrites::OnRequest if text.is_marked => held,
            CacheWrites::OnRequest => outlook.write(held, CacheTerms { write, read, least }),
        };
        Some(Bet {
            text: Arc::clone(text),
            account,
            caching,
            held,
            write,
            per_block,
            trust: self.trust.get(account as usize).copied().unwrap_or(1.0),
        })
    }

    /// Counts a request, once.
    pub(crate) fn seen(&mut self, text: &PromptText, now: Instant) {
        let now = self.seconds(now);
        if let Some(prompts) = &mut self.prompts {
            prompts.seen(now, &text.prompt);
        }
    }

    /// Marks the first blocks of a bet's prompt as held, and the others as not held.
    pub(crate) fn hold(&mut self, bet: &Bet, blocks: u32, now: Instant) {
        let now = self.seconds(now);
        if let Some(prompts) = &mut self.prompts {
            let lifetime = bet.caching.lifetime.as_secs_f64();
            prompts.hold(now, &bet.text.prompt, bet.account, blocks, lifetime);
        }
    }

    /// Learns from the usage that an answer reports: tokens read from the cache, written to it, and of
    /// the whole prompt.
    pub(crate) fn told(&mut self, bet: &Bet, read: u64, written: u64, all: u64, now: Instant) {
        if all == 0 {
            return;
        }
        let expected = f64::from(bet.held) * bet.per_block;
        if expected > 0.0
            && let Some(trust) = self.trust.get_mut(bet.account as usize)
        {
            let share = (read as f64 / expected).min(1.0) as f32;
            *trust += STEP * (share - *trust);
        }
        let blocks = bet.text.prompt.hashes.len() as f64;
        let covered = (read + written) as f64 / all as f64;
        let held = match bet.caching.writes {
            // It holds each prompt that it has worked on.
            CacheWrites::Automatic => bet.write,
            CacheWrites::OnRequest => (blocks * covered + 0.5).min(blocks) as u32,
        };
        self.hold(bet, held, now);
    }
}
