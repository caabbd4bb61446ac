//! The rules of the RFCs as pure code: no tower, no I/O, no clock of its own.
//!
//! A response is parsed once, when it is stored ([`Policy`]), and a request once, when it arrives
//! ([`facts::RequestFacts`]). [`judge`] decides from the two and the time.

pub(crate) mod bounds;
pub(crate) mod conditional;
pub(crate) mod facts;
pub(crate) mod freshness;
pub(crate) mod judge;
pub(crate) mod merge;
pub(crate) mod range;
pub(crate) mod refusal;
#[cfg(test)]
mod robust;
pub(crate) mod storable;
pub(crate) mod vary;

pub use freshness::{Mode, Policy, Source};
pub use refusal::NotStored;
pub use vary::Selection;
