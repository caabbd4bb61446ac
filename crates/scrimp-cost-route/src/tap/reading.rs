//! Collects the usage that a body has reported so far.

use scrimp_core::{Currency, Money};

use super::{
    content::{Content, Text},
    dialect, names,
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
    /// Their number.
    pub(super) documents: u64,
    /// The present document, and how deep in it the usage lies: the outermost counts.
    present: Option<(u32, Slots)>,
    /// The text so far, and as it was before the present document.
    content: Content,
    before: Content,
    /// The text as it was when the answer's tokens were last counted, and their number.
    counted: (Content, u64),
    /// True if the present document repeats text of earlier ones.
    repeats: bool,
    /// True if the text of the present document is thoughts.
    thinks: bool,
    /// True if the present text is not empty.
    has_text: bool,
    /// True if the answer has said why it ends.
    pub(super) has_finished: bool,
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
        self.content = self.content();
        self.before = self.content;
        (self.repeats, self.thinks) = (false, false);
        if let Some((_, slots)) = self.present.take() {
            // Some say 0, or repeat a count, until the end.
            let usage = Sides::new(&slots).usage(&slots);
            if usage.completion() > self.counted.1 {
                self.counted = (self.content, usage.completion());
            }
            self.ended.merge(&slots);
        }
    }

    /// Takes the kind of the present document.
    pub(super) fn kind(&mut self, kind: &[u8]) {
        self.repeats |= names::repeats(kind);
        self.thinks |= names::is_thought(kind);
    }

    /// Notes that the answer has said why it ends.
    pub(super) fn finished(&mut self) {
        self.has_finished = true;
    }

    /// Begins a text, and returns what it is in this document.
    pub(super) fn begin_text(&mut self, text: Text) -> Text {
        self.has_text = false;
        match self.thinks {
            true => Text::Thought,
            false => text,
        }
    }

    /// Takes a byte of a text.
    pub(super) fn text(&mut self, byte: u8, text: Text) {
        self.has_text = true;
        self.content.step(byte, text);
    }

    /// Takes a character of a text that is written by its number.
    pub(super) fn unit(&mut self, unit: u16, text: Text) {
        self.has_text = true;
        self.content.step_unit(unit, text);
    }

    pub(super) fn end_text(&mut self) {
        self.content.parts += u64::from(std::mem::take(&mut self.has_text));
    }

    /// Returns the text so far.
    pub(super) fn content(&self) -> Content {
        match self.repeats {
            true => self.before,
            false => self.content,
        }
    }

    /// Returns the tokens of the answer that were counted last, and the text that came after.
    pub(super) fn since_counted(&self) -> (u64, Content) {
        let content = self.content();
        let (at, count) = &self.counted;
        // A count before any text is a placeholder.
        match at.is_empty() {
            true => (0, content),
            false => (*count, content.since(at)),
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
