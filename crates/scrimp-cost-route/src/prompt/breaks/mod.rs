//! Parts of prompts that prevent their reuse.

mod compare;
mod state;
mod stats;
mod token;

pub(crate) use self::state::{Breaks, Ended};
pub use self::stats::{BreakKind, BreakPlace, PromptBreak, PromptBreaks, PromptPart};
