//! Earlier prompts, and what later ones have lost beside them.

use std::{
    hash::BuildHasher,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hashlink::{DefaultHashBuilder, LinkedHashMap, LruCache};
use parking_lot::Mutex;
use scrimp_core::Money;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{
    compare::{Break, Comparison, compare},
    stats::{BreakKind, BreakPlace, PromptBreak, PromptBreaks, PromptPart},
};
use crate::{
    Price, TokenClass, Usage,
    prompt::{bet::Bet, text::PromptText},
};

/// Bytes of bodies that are kept, at most, with [`EACH`] for each of them.
const MOST: usize = 8 << 20;
/// Bytes of a kept prompt beside its body.
const EACH: usize = 512;
/// Longest body that is kept.
const LONGEST: usize = MOST / 32;
/// Earlier prompts that a prompt is compared with.
const NEAREST: usize = 3;
/// Prompts that are compared in a second, and at once.
const RATE: f64 = 5.0;
const BURST: f64 = 64.0;
/// Places that are told apart.
const PLACES: usize = 64;
/// Least number of tokens behind a break that matter.
const LEAST: f64 = 128.0;
/// Share of a prompt that was read from the cache, from which on there is nothing to look for.
const READ: f64 = 0.95;

/// Breaks of a layer's prompts. It has a lock of its own, and compares outside of it.
#[derive(Debug)]
pub(crate) struct Breaks {
    keys: DefaultHashBuilder,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Latest prompts of a tenant, route and model.
    groups: LinkedHashMap<u64, Group>,
    bytes: usize,
    /// Prompts that may be compared now, and the time of that.
    left: f64,
    at: Instant,
    /// Prompts since the last comparison.
    skipped: u64,
    breaks: PromptBreaks,
    places: LruCache<(Arc<str>, PromptPart, BreakKind, usize), PromptBreak>,
}

type Group = SmallVec<[Earlier; NEAREST]>;

/// Prompt that was sent.
#[derive(Debug, Clone)]
struct Earlier {
    text: Arc<PromptText>,
    at: Instant,
}

/// Call to a provider with a prompt cache, after its end.
pub(crate) struct Ended<'a> {
    /// The tenant, if there is one, the route and the model.
    pub(crate) payer: Option<&'a str>,
    pub(crate) route: &'a Arc<str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) bet: &'a Bet,
    pub(crate) price: &'a Price,
    /// Requests before it in its volume period.
    pub(crate) used: u64,
    /// Usage that the answer has reported.
    pub(crate) usage: &'a Usage,
    pub(crate) now: Instant,
    pub(crate) wall: SystemTime,
}

/// Amount lost by a break.
struct Loss {
    found: Break,
    tokens: u64,
    lost: Option<Money>,
}

// === impl Breaks ===

impl Breaks {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            keys: DefaultHashBuilder::default(),
            state: Mutex::new(State {
                groups: LinkedHashMap::new(),
                bytes: 0,
                left: BURST,
                at: start,
                skipped: 0,
                breaks: PromptBreaks::default(),
                places: LruCache::new(PLACES),
            }),
        }
    }

    pub(crate) fn read(&self) -> PromptBreaks {
        self.state.lock().breaks.clone()
    }

    /// Returns the places with breaks, the dearest first by what is lost in the currency that comes first.
    pub(crate) fn places(&self) -> Vec<BreakPlace> {
        let state = self.state.lock();
        let each = state.places.iter();
        let mut places: Vec<_> = each
            .map(|((route, part, kind, at), cost)| BreakPlace {
                route: Arc::clone(route),
                part: *part,
                at: *at,
                kind: *kind,
                cost: cost.clone(),
            })
            .collect();
        drop(state);
        let lost = |place: &BreakPlace| place.cost.lost.iter().next().map_or(0, Money::pico);
        places.sort_by_key(|place| std::cmp::Reverse((lost(place), place.cost.tokens)));
        places
    }

    /// Compares the prompt of a call with earlier ones, and keeps it for later ones.
    pub(crate) fn see(&self, ended: &Ended<'_>) {
        let text = &ended.bet.text;
        if text.body > LONGEST {
            return;
        }
        let group = self.keys.hash_one((ended.payer, ended.route, ended.model));
        let this = Earlier {
            text: Arc::clone(text),
            at: ended.now,
        };
        let Some((nearest, weight)) = self.state.lock().turn(group, this, ended) else {
            return;
        };
        let compared = nearest
            .iter()
            .map(|earlier| compare(&earlier.text.parts, &text.parts));
        let best = compared.max_by_key(Comparison::common);
        let losses = best.map(|best| ended.losses(&best)).unwrap_or_default();
        self.state.lock().count(ended.route, weight, &losses);
    }
}

// === impl State ===

impl State {
    /// Keeps a prompt. Returns those that it is to be compared with, and the number of prompts that it stands for.
    fn turn(&mut self, group: u64, this: Earlier, ended: &Ended<'_>) -> Option<(Group, u64)> {
        let nearest = self.keep(group, this, ended.bet.lifetime());
        self.skipped += 1;
        self.breaks.prompts += 1;
        let gone = ended.now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + gone * RATE).min(BURST);
        self.at = ended.now;
        if self.left < 1.0 {
            return None;
        }
        let weight = std::mem::take(&mut self.skipped);
        let all = ended.usage.prompt() as f64;
        if nearest.is_empty() || ended.read() as f64 >= READ * all {
            return None;
        }
        self.left -= 1.0;
        Some((nearest, weight))
    }

    /// Adds a prompt to its group, in place of the one that it continues, or of the oldest. Returns the others that
    /// were sent within a lifetime.
    fn keep(&mut self, group: u64, this: Earlier, lifetime: Duration) -> Group {
        let now = this.at;
        let mut members = self.groups.remove(&group).unwrap_or_default();
        let is_fresh = |earlier: &Earlier| now.saturating_duration_since(earlier.at) <= lifetime;
        let nearest: Group = members
            .iter()
            .filter(|earlier| is_fresh(earlier))
            .cloned()
            .collect();
        let before: usize = members.iter().map(Earlier::size).sum();
        let continued = members
            .iter()
            .position(|earlier| this.text.continues(&earlier.text));
        let oldest = (members.len() == NEAREST).then_some(0);
        if let Some(place) = continued.or(oldest) {
            members.remove(place);
        }
        members.push(this);
        let after: usize = members.iter().map(Earlier::size).sum();
        self.bytes = self.bytes + after - before;
        self.groups.insert(group, members);
        while self.bytes > MOST
            && let Some((_, oldest)) = self.groups.pop_front()
        {
            self.bytes -= oldest.iter().map(Earlier::size).sum::<usize>();
        }
        nearest
    }

    fn count(&mut self, route: &Arc<str>, weight: u64, losses: &[Loss]) {
        for loss in losses {
            let found = &loss.found;
            self.breaks
                .of(found.kind)
                .add(weight, loss.tokens, loss.lost);
            let key = (Arc::clone(route), found.part, found.kind, found.at);
            match self.places.get_mut(&key) {
                Some(place) => place.add(weight, loss.tokens, loss.lost),
                None => {
                    let mut place = PromptBreak::default();
                    place.add(weight, loss.tokens, loss.lost);
                    self.places.insert(key, place);
                }
            }
        }
    }
}

// === impl Earlier ===

impl Earlier {
    fn size(&self) -> usize {
        self.text.body + EACH
    }
}

// === impl Ended ===

impl Ended<'_> {
    /// Returns the tokens that were read from the cache.
    fn read(&self) -> u64 {
        self.usage.tokens(TokenClass::CacheRead)
    }

    /// Returns what breaks have cost: the tokens behind them would have been read, but for those that were.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "numbers of tokens, at least 0"
    )]
    fn losses(&self, comparison: &Comparison) -> SmallVec<[Loss; 2]> {
        let per_byte = self.usage.prompt() as f64 / self.bet.text.length.max(1) as f64;
        let read = self.read() as f64;
        let mut usage = *self.usage;
        let mut losses = SmallVec::new();
        for found in &comparison.breaks {
            let until = (found.from + found.same) as f64 * per_byte;
            let from = (found.from as f64 * per_byte).max(read);
            let is_cached = until >= self.bet.least() as f64;
            if !is_cached || until - from < LEAST {
                continue;
            }
            let (better, tokens) = read_more(&usage, (until - from) as u64);
            let cost = |usage: &Usage| self.price.cost(usage, self.wall, self.used);
            let lost = cost(&usage).zip(cost(&better));
            let lost = lost.and_then(|(more, less)| more.checked_sub(less).ok());
            usage = better;
            losses.push(Loss {
                found: *found,
                tokens,
                lost,
            });
        }
        losses
    }
}

/// Returns the usage with more tokens read from the cache, and their number: first those at the price of text, then
/// those that were written.
fn read_more(usage: &Usage, tokens: u64) -> (Usage, u64) {
    let mut better = *usage;
    let mut rest = tokens;
    for class in [
        TokenClass::Input,
        TokenClass::CacheWrite,
        TokenClass::CacheWrite1h,
    ] {
        let some = better.tokens(class).min(rest);
        better = better.with(class, better.tokens(class) - some);
        rest -= some;
    }
    let more = tokens - rest;
    let read = better.tokens(TokenClass::CacheRead) + more;
    (better.with(TokenClass::CacheRead, read), more)
}

#[cfg(test)]
mod tests;
