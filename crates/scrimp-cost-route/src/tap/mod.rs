//! Reads the usage of a call from its answer, as the answer passes.

mod content;
mod dialect;
mod frames;
mod json;
mod names;
mod reading;
mod scan;
mod sides;
mod slots;
#[cfg(test)]
mod tests;
mod wrapped;

use scrimp_core::Money;

pub(crate) use self::{
    content::{Content, MEASURES},
    reading::Told,
};
use self::{reading::Reading, scan::Scanner};
use crate::Usage;

/// Scanner of a body's bytes, which remembers the usage that they report.
///
/// It reads JSON, lines of JSON, server-sent events, and AWS's event streams (also with documents in
/// base64, as of Bedrock's InvokeModel), chunk by chunk, in memory that does not grow with the body. It knows the fields of OpenAI (chat, responses, embeddings) and all who
/// copy them, Anthropic, Gemini and Vertex, Bedrock, Cohere, Mistral, DeepSeek, xAI, Groq,
/// Moonshot, Perplexity, OpenRouter, Ollama and llama.cpp:
///
/// - Of several reports in a stream, the largest count of each kind is taken. A field that is
///   missing changes nothing.
/// - In one document (a JSON body, an event), the outermost report is taken.
/// - Whole numbers may be written as floats or strings.
/// - `total_tokens` decides whether thoughts, and tokens of a cache, are within the counts or on
///   top of them. Without it the names of the fields decide.
#[derive(Debug, Default)]
pub struct Tap {
    scanner: Scanner,
    reading: Reading,
    bytes: u64,
}

// === impl Tap ===

impl Tap {
    /// Makes a tap that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes of the body, which must not be in a content coding.
    pub fn see(&mut self, chunk: &[u8]) {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        self.scanner.see(chunk, &mut self.reading);
    }

    /// Returns the usage that the answer has reported so far. `None` if it has reported none, or
    /// if a field that the cost depends on could not be read: such a usage is not known, and not
    /// 0. If only the prompt or only the answer was reported, the other side has no tokens in it; the
    /// layer estimates that side.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let told = self.reading.told()?;
        (!self.reading.is_unreadable()).then_some(told.usage)
    }

    /// Returns the cost that the answer has stated for itself so far, in dollars: the largest.
    /// `usage.cost` of OpenRouter and Perplexity, `estimated_cost` of DeepInfra,
    /// `cost_in_usd_ticks` of xAI.
    #[must_use]
    pub fn stated_cost(&self) -> Option<Money> {
        self.reading.cost()
    }

    /// Returns what the answer has reported, and of which side of the usage.
    pub(crate) fn told(&self) -> Option<Told> {
        self.reading.told()
    }

    /// Returns the number of answer tokens seen, estimated from events, or from bytes if there
    /// are no events. It is for answers that do not report it, or break off before.
    pub(crate) fn guess(&self) -> u64 {
        if self.scanner.events > 0 {
            self.scanner.events
        } else {
            self.bytes / 4
        }
    }

    /// Returns the text of the answer so far.
    pub(crate) fn content(&self) -> Content {
        self.reading.content()
    }

    /// Returns the tokens of the answer that were reported last, and the text that came after them.
    pub(crate) fn since_counted(&self) -> (u64, Content) {
        self.reading.since_counted()
    }

    /// Reports whether the answer has said why it ends: no text follows.
    pub(crate) fn has_finished(&self) -> bool {
        self.reading.has_finished
    }

    /// Reports whether the answer came in several documents.
    pub(crate) fn is_stream(&self) -> bool {
        self.reading.documents > 1
    }

    #[cfg(test)]
    fn memory(&self) -> usize {
        self.scanner.memory()
    }
}
