//! Simulation of several sizes of memory beside the replay.

mod footprint;
mod simulate;

pub(crate) use footprint::{Footprint, key_hash};
pub(crate) use simulate::Simulation;
