//! Collects the usage that a body has reported so far.

use scrimp_core::{Currency, Money};

use super::{
    dialect,
    sides::Sides,
    slots::{Slot, Slots},
};
use crate::Usage;

/// Slots that the cost of the prompt depends on.
const PROMPT: &[Slot] = &[
    Slot::Prompt,
    Slot::Input,
    Slot::Cached,
    Slot::Written,
    Slot::CacheRead,
    Slot::CacheWrite,
    Slot::Write5m,
    Slot::Write1h,
    Slot::CachedAudio,
    Slot::CachedImage,
    Slot::CachedVideo,
    Slot::InputAudio,
    Slot::InputImage,
    Slot::InputVideo,
    Slot::Tool,
    Slot::BilledInput,
];

/// Slots that the cost of the completion depends on.
const COMPLETION: &[Slot] = &[
    Slot::Completion,
    Slot::Reasoning,
    Slot::Thoughts,
    Slot::OutputAudio,
    Slot::OutputImage,
    Slot::OutputVideo,
    Slot::BilledOutput,
];

/// Usage that a body has reported so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The documents that have ended.
    ended: Slots,
    /// The present document, and how deep in it the usage lies: the outermost counts.
    present: Option<(u32, Slots)>,
}

/// Usage that a provider has told, by class, and which side of it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) usage: Usage,
    /// False if nothing was said of the prompt, or it could not be read.
    pub(crate) prompt: bool,
    /// False if nothing was said of the completion, or it could not be read.
    pub(crate) completion: bool,
}

// === impl Reading ===

impl Reading {
    /// Takes an object that lies in this many others. `None` if it was too long to be read.
    pub(super) fn object(&mut self, depth: u32, key: &[u8], json: Option<&[u8]>) {
        if let Some(slots) = json.and_then(|json| dialect::read(key, json)) {
            self.take(depth, slots);
        }
    }

    /// Takes a count that lies in the document itself.
    pub(super) fn count(&mut self, key: &[u8], text: &[u8]) {
        if let Some(slots) = dialect::read_count(key, text) {
            self.take(1, slots);
        }
    }

    fn take(&mut self, depth: u32, slots: Slots) {
        match &mut self.present {
            Some((present, _)) if *present < depth => {}
            Some((present, own)) if *present == depth => own.merge(&slots),
            _ => self.present = Some((depth, slots)),
        }
    }

    pub(super) fn end_document(&mut self) {
        if let Some((_, slots)) = self.present.take() {
            self.ended.merge(&slots);
        }
    }

    fn all(&self) -> Slots {
        let mut all = self.ended.clone();
        if let Some((_, slots)) = &self.present {
            all.merge(slots);
        }
        all
    }

    /// Returns the cost that the provider stated.
    pub(super) fn cost(&self) -> Option<Money> {
        self.all().cost().map(|cost| cost.money(Currency::USD))
    }

    /// Returns the usage. `None` if nothing was said of either side.
    pub(super) fn told(&self) -> Option<Told> {
        if self.present.is_none() && !self.ended.is_known() {
            return None;
        }
        let said = self.all();
        let sides = Sides::new(&said);
        let told = Told {
            usage: sides.usage(&said),
            prompt: sides.prompt.is_some() && !said.is_unreadable(PROMPT),
            completion: sides.completion.is_some() && !said.is_unreadable(COMPLETION),
        };
        (told.prompt || told.completion).then_some(told)
    }

    /// Reports whether a count that the cost depends on could not be read.
    pub(super) fn is_unreadable(&self) -> bool {
        let said = self.all();
        said.is_unreadable(PROMPT) || said.is_unreadable(COMPLETION)
    }
}
