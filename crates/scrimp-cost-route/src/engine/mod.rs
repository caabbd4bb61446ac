//! Chooses providers: plain state, with neither tower nor I/O in it.

mod ask;
mod candidate;
mod choice;
mod config;
mod decay;
mod decide;
mod drift;
mod estimate;
mod explore;
mod flight;
mod health;
mod hedge;
mod learn;
mod pass;
mod prompt;
mod router;
mod rules;
mod score;
#[cfg(test)]
mod tests;
mod track;
mod traffic;

#[cfg(feature = "engine")]
pub use self::hedge::Hedge;
pub use self::{
    ask::{Ask, Barred, Bounds},
    choice::{Choice, NoCandidate, Reason, Scored, Terms},
    config::RouterConfig,
    estimate::{Estimate, Prior},
    health::Health,
    hedge::HedgeCost,
    learn::{Outcome, Ticket},
    prompt::{CacheTerms, Outlook, Prompt, Prompts},
    router::Router,
    score::{Score, Stake, Stakes, Weight, Weights},
};
