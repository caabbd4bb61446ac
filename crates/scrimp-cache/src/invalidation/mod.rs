//! Invalidation: its targets, its handles, and its log.

mod admin;
mod bucket;
mod carried;
mod carry;
#[cfg_attr(
    not(feature = "codec"),
    allow(dead_code, reason = "only what is encoded is covered")
)]
mod covered;
pub(crate) mod epoch;
#[cfg(test)]
mod epoch_tests;
mod erasure;
mod handle;
#[cfg(feature = "codec")]
mod journal;
mod kept;
mod log;
#[cfg(feature = "codec")]
mod outside;
#[cfg(feature = "codec")]
mod shared;
pub(crate) mod sync;
mod tags;
mod target;
mod validity;
#[cfg(test)]
mod validity_tests;
mod versions;
mod writes;

pub use admin::{Admin, AdminFuture};
#[cfg(feature = "codec")]
pub(crate) use carried::FORGOTTEN;
pub(crate) use carry::{carry, told};
pub use erasure::{Erased, Erasing, Erasure};
pub use handle::Invalidator;
pub(crate) use handle::invalidated_groups;
#[cfg(feature = "codec")]
pub use journal::Journal;
#[cfg(feature = "codec")]
pub(crate) use journal::resume;
pub(crate) use log::TagList;
#[cfg(feature = "codec")]
pub(crate) use log::WITHHELD;
#[cfg(feature = "codec")]
pub use shared::{LogReplica, OutgoingRecord, RecordId, SharedLog, UnreadableRecord};
#[cfg(all(test, feature = "codec"))]
pub(crate) use tags::name_tag;
pub(crate) use tags::{target_of, target_tag, uri_tag};
pub use target::Invalidation;
