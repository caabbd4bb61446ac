//! The saving that is expected of a provider's prompt cache for one request.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    marks::mark,
    settings::{CacheWrites, Caching},
    text::PromptText,
};
use crate::{TokenClass, Usage};

/// Expectation of a provider's prompt cache for one request.
#[derive(Debug, Clone)]
pub(crate) struct Bet {
    pub(super) text: Arc<PromptText>,
    pub(super) account: u32,
    pub(super) caching: Caching,
    /// First blocks of the prompt that the cache holds.
    pub(crate) held: u32,
    /// First blocks that it holds afterwards.
    pub(crate) write: u32,
    /// Tokens of a block.
    pub(super) per_block: f64,
    /// Share of the expected tokens that the cache has had so far.
    pub(super) trust: f32,
}

// === impl Bet ===

impl Bet {
    /// Returns the usage with the tokens that are expected to be read from the cache. A write is not
    /// counted: it is made only if it pays later.
    pub(crate) fn expected(&self, usage: &Usage) -> Usage {
        let held = f64::from(self.held) * self.per_block * f64::from(self.trust);
        moved(usage, held as u64, TokenClass::CacheRead)
    }

    /// Returns the usage if the cache holds nothing and all is written that may be.
    pub(crate) fn at_most(&self, usage: &Usage) -> Usage {
        if self.caching.writes == CacheWrites::Automatic {
            return *usage;
        }
        let class = match self.caching.is_long() {
            true => TokenClass::CacheWrite1h,
            false => TokenClass::CacheWrite,
        };
        let written = f64::from(self.write) * self.per_block;
        moved(usage, written.ceil() as u64, class)
    }

    /// Returns the number of tokens that are expected to be read from the cache.
    pub(crate) fn cached_tokens(&self) -> u64 {
        (f64::from(self.held) * self.per_block * f64::from(self.trust)) as u64
    }

    /// Returns the time for which the cache holds a prompt.
    pub(super) fn lifetime(&self) -> Duration {
        self.caching.lifetime
    }

    /// Returns the least number of tokens of a prefix that is cached.
    pub(super) fn least(&self) -> u64 {
        self.caching.least
    }

    /// Marks a body, if the cache is written on request. `None` if the body stays as it is.
    pub(crate) fn mark(&mut self, body: &Bytes) -> Option<Bytes> {
        let marks = self.caching.writes == CacheWrites::OnRequest && !self.text.is_marked;
        if !marks || self.write == 0 {
            return None;
        }
        let marked = mark(body, self.held, self.write, self.caching.is_long());
        // Marks stand only where content ends.
        self.write = marked.as_ref().map_or(0, |(_, blocks)| *blocks);
        marked.map(|(body, _)| body)
    }
}

/// Returns the usage with tokens of the prompt's text in another class, unless it states itself what
/// is cached.
fn moved(usage: &Usage, tokens: u64, class: TokenClass) -> Usage {
    let stated = [
        TokenClass::CacheRead,
        TokenClass::CacheWrite,
        TokenClass::CacheWrite1h,
    ];
    if stated.iter().any(|class| usage.tokens(*class) > 0) {
        return *usage;
    }
    let text = usage.tokens(TokenClass::Input);
    let tokens = tokens.min(text);
    usage
        .with(TokenClass::Input, text - tokens)
        .with(class, tokens)
}
