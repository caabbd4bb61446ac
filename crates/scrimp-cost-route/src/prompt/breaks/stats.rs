//! Counts of breaks, by their kinds.

use std::sync::Arc;

use scrimp_core::{Money, Totals};
use serde::{Serialize, Serializer};

/// Kind of text in which two prompts differ, although what follows is the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BreakKind {
    /// A date or a time.
    TimeStamp,
    /// An identifier: a UUID, or a word of letters and digits.
    Identifier,
    /// Another number.
    Number,
    /// The order of the tools, or of values within one.
    ToolOrder,
    /// The order of the members of a JSON object.
    KeyOrder,
    /// Any other text, such as a name.
    Other,
}

/// Part of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PromptPart {
    /// The descriptions of tools, which providers put first.
    Tools,
    /// The system text.
    System,
    /// The messages.
    Messages,
}

/// Parts of prompts that prevent the reuse of what follows them in a provider's prompt cache.
///
/// A prompt is compared with earlier ones of the same tenant, route and model. Where both differ and are the same
/// again behind that, the tokens behind could have been read from the cache. At most five prompts a second
/// are compared; then each stands for those since the last one, so that counts are estimates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct PromptBreaks {
    /// Prompts of calls that have told their usage.
    pub prompts: u64,
    /// Dates and times.
    pub time_stamp: PromptBreak,
    /// Identifiers: UUIDs, and words of letters and digits.
    pub identifier: PromptBreak,
    /// Other numbers.
    pub number: PromptBreak,
    /// The order of tools.
    pub tool_order: PromptBreak,
    /// The order of the members of JSON objects.
    pub key_order: PromptBreak,
    /// Other text.
    pub other: PromptBreak,
}

/// Breaks of one kind, and what they cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct PromptBreak {
    /// Breaks in prompts.
    pub breaks: u64,
    /// Tokens behind them that could have been read from a prompt cache.
    pub tokens: u64,
    /// Amounts that these tokens cost more than if they had been read, by currency.
    pub lost: Totals,
}

/// Place in prompts that prevents the reuse of what follows it. It has no text of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BreakPlace {
    /// Route of the requests; empty if they name none.
    #[serde(serialize_with = "text")]
    pub route: Arc<str>,
    /// Part of the prompt.
    pub part: PromptPart,
    /// Bytes from the start of that part, as it stands in the latest of these requests.
    pub at: usize,
    /// Kind of the text there.
    pub kind: BreakKind,
    /// Counts, and what they cost.
    pub cost: PromptBreak,
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

// === impl BreakKind ===

impl BreakKind {
    /// Returns its name, for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TimeStamp => "time-stamp",
            Self::Identifier => "identifier",
            Self::Number => "number",
            Self::ToolOrder => "tool-order",
            Self::KeyOrder => "key-order",
            Self::Other => "other",
        }
    }
}

// === impl PromptPart ===

impl PromptPart {
    /// The parts, in the order in which providers put them together.
    pub(super) const ALL: [Self; 3] = [Self::Tools, Self::System, Self::Messages];
}

// === impl PromptBreaks ===

impl PromptBreaks {
    /// Returns each kind with its counts.
    pub fn iter(&self) -> impl Iterator<Item = (BreakKind, &PromptBreak)> {
        [
            (BreakKind::TimeStamp, &self.time_stamp),
            (BreakKind::Identifier, &self.identifier),
            (BreakKind::Number, &self.number),
            (BreakKind::ToolOrder, &self.tool_order),
            (BreakKind::KeyOrder, &self.key_order),
            (BreakKind::Other, &self.other),
        ]
        .into_iter()
    }

    pub(super) fn of(&mut self, kind: BreakKind) -> &mut PromptBreak {
        match kind {
            BreakKind::TimeStamp => &mut self.time_stamp,
            BreakKind::Identifier => &mut self.identifier,
            BreakKind::Number => &mut self.number,
            BreakKind::ToolOrder => &mut self.tool_order,
            BreakKind::KeyOrder => &mut self.key_order,
            BreakKind::Other => &mut self.other,
        }
    }
}

// === impl PromptBreak ===

impl PromptBreak {
    /// Adds a break that stands for `weight` prompts.
    pub(super) fn add(&mut self, weight: u64, tokens: u64, lost: Option<Money>) {
        self.breaks = self.breaks.saturating_add(weight);
        self.tokens = self.tokens.saturating_add(weight.saturating_mul(tokens));
        if let Some(lost) = lost {
            self.lost.add(lost * weight);
        }
    }
}
