//! Counts that a provider reports, before they are divided into classes.

use serde_json::Value;

use crate::price::unit_price::UnitPrice;

/// Counts that a provider may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The prompt, cached tokens included unless the total says otherwise.
    Prompt,
    /// The prompt by Anthropic's name: tokens of the cache are on top, if there are any.
    Input,
    Completion,
    Total,
    /// Tokens read from the cache, which are part of the prompt.
    Cached,
    /// Tokens of the prompt that were not in the cache.
    Missed,
    /// Tokens written to the cache, which are part of the prompt.
    Written,
    /// Tokens read from the cache: part of the prompt, or on top of it.
    CacheRead,
    /// Tokens written to the cache: part of the prompt, or on top of it.
    CacheWrite,
    Write5m,
    Write1h,
    CachedAudio,
    CachedImage,
    CachedVideo,
    InputAudio,
    InputImage,
    InputVideo,
    /// Tokens of the results of tools, which are on top of the prompt.
    Tool,
    /// Thoughts that are part of the completion unless the total says otherwise.
    Reasoning,
    /// Thoughts by Gemini's name: on top of the completion unless the total says otherwise.
    Thoughts,
    OutputAudio,
    OutputImage,
    OutputVideo,
    /// Tokens that are billed, whatever was used.
    BilledInput,
    BilledOutput,
}

/// Number of slots.
const COUNT: usize = Slot::BilledOutput as usize + 1;

/// A value that may be missing or unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Said<T> {
    #[default]
    Nothing,
    Unreadable,
    Value(T),
}

/// Counts that a provider reported, and the cost that it stated.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    counts: [Said<u64>; COUNT],
    /// Cost in 10⁻¹⁸ dollars.
    cost: Option<UnitPrice>,
}

// === impl Slots ===

impl Slots {
    /// Adds a count, or that it was unreadable. Of several the largest counts: providers repeat
    /// counts in a stream, grown, or as zeros.
    pub(super) fn tell(&mut self, slot: Slot, count: Option<u64>) {
        let said = count.map_or(Said::Unreadable, Said::Value);
        self.counts[slot as usize].raise(said);
    }

    /// Adds the cost that a provider states, in units of the power of ten of a dollar. One that
    /// cannot be read was not stated.
    pub(super) fn tell_cost(&mut self, value: &Value, power: u32) {
        if let Some(cost) = UnitPrice::of_json(value) {
            self.raise_cost(cost.shifted(power));
        }
    }

    /// Adds what another report says.
    pub(super) fn merge(&mut self, other: &Self) {
        for (own, other) in self.counts.iter_mut().zip(other.counts) {
            own.raise(other);
        }
        if let Some(cost) = other.cost {
            self.raise_cost(cost);
        }
    }

    fn raise_cost(&mut self, cost: UnitPrice) {
        let larger = self.cost.is_none_or(|own| own.is_below(cost));
        if larger {
            self.cost = Some(cost);
        }
    }

    /// Reports whether anything was said, or could not be read.
    pub(super) fn is_known(&self) -> bool {
        self.cost.is_some() || self.counts.iter().any(|said| *said != Said::Nothing)
    }

    pub(super) fn cost(&self) -> Option<UnitPrice> {
        self.cost
    }

    /// Returns a count, if it was said.
    pub(super) fn get(&self, slot: Slot) -> Option<u64> {
        match self.counts[slot as usize] {
            Said::Value(count) => Some(count),
            Said::Nothing | Said::Unreadable => None,
        }
    }

    /// Returns a count, or 0.
    pub(super) fn or_zero(&self, slot: Slot) -> u64 {
        self.get(slot).unwrap_or(0)
    }

    /// Reports whether one of these could not be read.
    pub(super) fn is_unreadable(&self, slots: &[Slot]) -> bool {
        let said = |slot: &Slot| self.counts[*slot as usize];
        slots.iter().any(|slot| said(slot) == Said::Unreadable)
    }
}

// === impl Said ===

impl Said<u64> {
    fn raise(&mut self, other: Self) {
        *self = match (*self, other) {
            (Self::Value(own), Self::Value(other)) => Self::Value(own.max(other)),
            (Self::Value(own), _) => Self::Value(own),
            (_, Self::Value(other)) => Self::Value(other),
            (Self::Unreadable, _) | (_, Self::Unreadable) => Self::Unreadable,
            (Self::Nothing, Self::Nothing) => Self::Nothing,
        };
    }
}
