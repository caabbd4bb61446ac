//! Which provider, and why: plain state, with neither tower nor I/O in it.

mod ask;
mod candidate;
mod choice;
mod estimate;
mod explore;
mod flight;
mod health;
mod router;
mod score;

pub use self::{
    ask::{Ask, Barred, Filters},
    choice::{Choice, NoCandidate, Reason, Terms},
    estimate::{Estimate, Prior},
    health::Health,
    router::{Outcome, Router, RouterConfig, Ticket},
    score::{Score, Stake, Stakes, Weight, Weights},
};
