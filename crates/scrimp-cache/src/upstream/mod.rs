//! Calls to the upstream: how they are made, and what their answers mean for what is stored.

mod behind;
mod choice;
mod exchange;
mod fetch;
mod label;
mod offer;
mod race;
mod said;
mod watched;
mod write;

pub(crate) use choice::Choice;
pub(crate) use exchange::Exchange;
pub(crate) use race::Race;

/// What a future that is polled after completion panics with.
pub(crate) const POLLED_AGAIN: &str = "a response future is not polled after completion";
