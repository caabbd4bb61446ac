//! Calls to the upstream.

pub(crate) mod choice;
mod confirm;
pub(crate) mod exchange;
pub(crate) mod fetch;
pub(crate) mod offer;
mod put;
pub(crate) mod race;
mod said;
mod stand_in;
pub(crate) mod watch;
pub(crate) mod write;
