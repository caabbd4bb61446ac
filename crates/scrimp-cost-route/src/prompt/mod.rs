//! Prompts in requests, and the providers' caches of them.

mod bet;
mod caches;
mod marks;
mod settings;
mod text;

pub use self::settings::PromptCache;
pub(crate) use self::{bet::Bet, caches::Caches, settings::Caching, text::PromptText};
