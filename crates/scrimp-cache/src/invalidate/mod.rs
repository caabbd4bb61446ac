//! Invalidation: what can be hit, how it is said, and who may say it.

mod admin;
mod carry;
pub(crate) mod epoch;
#[cfg(test)]
mod epoch_tests;
mod handle;
mod target;

pub use admin::{Admin, AdminFuture};
pub(crate) use carry::carry;
pub use handle::Invalidator;
pub(crate) use handle::invalidated_groups;
pub use target::Invalidation;
#[cfg(feature = "no-vary-search")]
pub(crate) use target::search_tag;
pub(crate) use target::{target_tag, uri_tag};
