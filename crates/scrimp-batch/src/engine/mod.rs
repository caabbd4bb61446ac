//! Collects items into batches: lanes, windows and limits. No tower, no HTTP.

mod dispatch;
mod drive;
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

pub(crate) use dispatch::{Dispatch, Entry, InFlightGuard, Responder, record_waits};
pub(crate) use drive::{Driver, enqueue, has_runtime};
pub(crate) use lane::{Lane, Waiting};
pub(crate) use lanes::Lanes;
pub(crate) use limits::Limits;
pub(crate) use room::Room;
pub(crate) use size::Sizes;
pub(crate) use slot::{Lost, Ticket};
pub use window::BatchWindow;
