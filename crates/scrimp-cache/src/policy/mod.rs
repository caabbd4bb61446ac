//! The rules of the RFCs as pure code: no tower, no I/O, no clock of its own.
//!
//! A response is parsed once, when it is stored ([`Policy`]), and a request once, when it arrives
//! ([`facts::RequestFacts`]). [`judge`](judge::judge) decides from the two and the time.

mod age;
pub(crate) mod answer;
pub(crate) mod conditional;
pub(crate) mod facts;
pub(crate) mod freshness;
pub(crate) mod judge;
pub(crate) mod merge;
pub(crate) mod range;
pub(crate) mod refusal;
#[cfg(test)]
mod robust;
pub(crate) mod status;
pub(crate) mod storable;
pub(crate) mod vary;

pub use freshness::{Policy, Source};
pub use vary::Selection;

/// The kind of cache (RFC 9111 §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A cache for several users: obeys `s-maxage`, `private`, the rules on `Authorization`.
    #[default]
    Shared,
    /// A cache for one user, such as a client's own.
    Private,
}
