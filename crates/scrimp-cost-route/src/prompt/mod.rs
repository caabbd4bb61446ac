//! Prompts in requests, and the providers' caches of them.

mod bet;
mod breaks;
mod caches;
mod marks;
mod settings;
mod text;

pub(crate) use self::{
    bet::Bet,
    breaks::{Breaks, Ended},
    caches::Caches,
    settings::Caching,
    text::PromptText,
};
pub use self::{
    breaks::{BreakKind, BreakPlace, PromptBreak, PromptBreaks, PromptPart},
    settings::PromptCache,
};
