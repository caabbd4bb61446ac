//! Collecting: who waits where, for how long, and who flies together. No tower, no HTTP.

mod drive;
mod flight;
mod lane;
mod lanes;
mod latency;
mod limits;
mod queue;
mod rate;
mod room;
mod size;
mod slot;
mod state;
mod window;

pub(crate) use drive::{Driver, enqueue};
pub(crate) use flight::{Entry, Flight, InFlightGuard, Responder};
pub(crate) use lane::{Lane, Waiting};
pub(crate) use lanes::Lanes;
pub(crate) use limits::Limits;
pub(crate) use room::Room;
pub(crate) use size::Sizes;
pub(crate) use slot::{Lost, Ticket};
pub use window::BatchWindow;
