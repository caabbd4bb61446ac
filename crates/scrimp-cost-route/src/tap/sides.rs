//! Divides the counts that a provider reports into classes.

use super::slots::{Slot, Slots};
use crate::{TokenClass, Usage};

/// The two counts that all others are within or on top of.
pub(super) struct Sides {
    pub(super) prompt: Option<u64>,
    pub(super) completion: Option<u64>,
    on_top: OnTop,
}

/// Parts of the usage that are within a count or on top of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OnTop {
    cache: bool,
    tool: bool,
    reasoning: bool,
}

// === impl Sides ===

impl Sides {
    pub(super) fn new(said: &Slots) -> Self {
        let (input, prompt) = (said.get(Slot::Input), said.get(Slot::Prompt));
        let parts = said.get(Slot::Cached).zip(said.get(Slot::Missed));
        let parts = parts.map(|(hit, miss)| hit.saturating_add(miss));
        let mut sides = Self {
            prompt: input.max(prompt).or(parts),
            completion: said.get(Slot::Completion),
            on_top: OnTop {
                cache: false,
                tool: true,
                reasoning: false,
            },
        };
        // Details that name the cached tokens say that they are within the count.
        let by_input = prompt.is_none() && said.or_zero(Slot::Cached) == 0;
        sides.on_top = sides.combine(said, by_input);
        sides.fill(said);
        let billed = [Slot::BilledInput, Slot::BilledOutput].map(|slot| said.get(slot));
        if billed != [None, None] {
            // What is not on the bill is not billed: an embedding has no output.
            [sides.prompt, sides.completion] = billed.map(|count| Some(count.unwrap_or(0)));
        }
        sides
    }

    /// Decides which parts are on top. The combination that adds up to the total is right, for any
    /// provider; without a total, or if none adds up to it, the names of the fields decide. A part
    /// that is larger than the count it might be within is on top of it.
    fn combine(&self, said: &Slots, by_input: bool) -> OnTop {
        let (prompt, completion) = (self.prompt.unwrap_or(0), self.completion.unwrap_or(0));
        let (cache, tool, thoughts) = (cache(said), said.or_zero(Slot::Tool), thoughts(said));
        let must = OnTop {
            // By Anthropic's names the input is what is not of the cache, and no total changes
            // that: gateways that add one up leave the cache out.
            cache: cache > prompt || by_input,
            tool: tool > prompt,
            reasoning: thoughts > completion,
        };
        let named = OnTop {
            cache: must.cache,
            tool: true,
            reasoning: must.reasoning || said.or_zero(Slot::Thoughts) > 0,
        };
        let (Some(total), Some(_), Some(_)) = (said.get(Slot::Total), self.prompt, self.completion)
        else {
            return named;
        };
        let sum = |on: OnTop| {
            let part = |on: bool, count: u64| u128::from(if on { count } else { 0 });
            u128::from(prompt)
                + u128::from(completion)
                + part(on.cache, cache)
                + part(on.tool, tool)
                + part(on.reasoning, thoughts)
        };
        let fits = |on: &OnTop| sum(*on) == u128::from(total) && on.includes(must);
        let exact = OnTop::all().filter(fits);
        if let Some(exact) = exact.min_by_key(|on| on.distance(named)) {
            return exact;
        }
        // A total that has other things in it still tells whether the thoughts are.
        let covers = sum(OnTop {
            reasoning: true,
            ..named
        }) <= u128::from(total);
        OnTop {
            reasoning: named.reasoning || covers,
            ..named
        }
    }

    /// Takes a side that was not said from the total.
    fn fill(&mut self, said: &Slots) {
        let Some(total) = said.get(Slot::Total) else {
            return;
        };
        let extra = |on: bool, count: u64| if on { count } else { 0 };
        let around = extra(self.on_top.cache, cache(said))
            .saturating_add(extra(self.on_top.tool, said.or_zero(Slot::Tool)))
            .saturating_add(extra(self.on_top.reasoning, thoughts(said)));
        let rest = total.saturating_sub(around);
        match (self.prompt, self.completion) {
            (Some(prompt), None) => self.completion = Some(rest.saturating_sub(prompt)),
            (None, Some(completion)) => self.prompt = Some(rest.saturating_sub(completion)),
            // Only embeddings and rankings, which have no completion, say no more than a total.
            (None, None) => (self.prompt, self.completion) = (Some(rest), Some(0)),
            (Some(_), Some(_)) => {}
        }
    }

    pub(super) fn usage(&self, said: &Slots) -> Usage {
        self.output(said, self.input(said))
    }

    fn input(&self, said: &Slots) -> Usage {
        let Some(prompt) = self.prompt else {
            return Usage::default();
        };
        let (read, written) = (said.or_zero(Slot::CacheRead), written(said));
        let (within_read, within_written) = if self.on_top.cache && cache(said) > 0 {
            (0, 0)
        } else {
            (
                said.or_zero(Slot::Cached).max(read),
                said.or_zero(Slot::Written).max(written),
            )
        };
        let (read, written) = (read.max(within_read), written.max(within_written));
        let hour = said.or_zero(Slot::Write1h).min(written);
        let fresh = |all, cached| said.or_zero(all).saturating_sub(said.or_zero(cached));
        let audio = fresh(Slot::InputAudio, Slot::CachedAudio);
        let image = fresh(Slot::InputImage, Slot::CachedImage);
        let video = fresh(Slot::InputVideo, Slot::CachedVideo);
        let within = [within_read, within_written, audio, image, video];
        let text = within
            .iter()
            .fold(prompt, |rest, part| rest.saturating_sub(*part));
        let tool = if self.on_top.tool {
            said.or_zero(Slot::Tool)
        } else {
            0
        };
        let cached_audio = said.or_zero(Slot::CachedAudio).min(read);
        Usage::default()
            .with(TokenClass::Input, text.saturating_add(tool))
            .with(TokenClass::CacheRead, read - cached_audio)
            .with(TokenClass::CacheReadAudio, cached_audio)
            .with(TokenClass::CacheWrite, written - hour)
            .with(TokenClass::CacheWrite1h, hour)
            .with(TokenClass::InputAudio, audio)
            .with(TokenClass::InputImage, image)
            .with(TokenClass::InputVideo, video)
    }

    fn output(&self, said: &Slots, usage: Usage) -> Usage {
        let Some(completion) = self.completion else {
            return usage;
        };
        let thoughts = thoughts(said);
        let media = [Slot::OutputAudio, Slot::OutputImage, Slot::OutputVideo];
        let [audio, image, video] = media.map(|slot| said.or_zero(slot));
        let within = if self.on_top.reasoning { 0 } else { thoughts };
        let text = [within, audio, image, video]
            .iter()
            .fold(completion, |rest, part| rest.saturating_sub(*part));
        usage
            .with(TokenClass::Output, text)
            .with(TokenClass::Reasoning, thoughts)
            .with(TokenClass::OutputAudio, audio)
            .with(TokenClass::OutputImage, image)
            .with(TokenClass::OutputVideo, video)
    }
}

fn thoughts(said: &Slots) -> u64 {
    said.or_zero(Slot::Reasoning)
        .max(said.or_zero(Slot::Thoughts))
}

/// Returns the tokens written to the cache, by the count itself or by its parts.
fn written(said: &Slots) -> u64 {
    let parts = said.or_zero(Slot::Write5m);
    let parts = parts.saturating_add(said.or_zero(Slot::Write1h));
    said.or_zero(Slot::CacheWrite).max(parts)
}

/// Returns the tokens of the cache that are within the prompt or on top of it.
fn cache(said: &Slots) -> u64 {
    said.or_zero(Slot::CacheRead).saturating_add(written(said))
}

// === impl OnTop ===

impl OnTop {
    /// Returns every combination.
    fn all() -> impl Iterator<Item = Self> {
        (0..8u8).map(|bits| Self {
            cache: bits & 1 > 0,
            tool: bits & 2 > 0,
            reasoning: bits & 4 > 0,
        })
    }

    fn each(self) -> [bool; 3] {
        [self.cache, self.tool, self.reasoning]
    }

    fn includes(self, must: Self) -> bool {
        let mut each = self.each().into_iter().zip(must.each());
        each.all(|(own, must)| own || !must)
    }

    fn distance(self, other: Self) -> usize {
        let each = self.each().into_iter().zip(other.each());
        each.filter(|(own, other)| own != other).count()
    }
}
