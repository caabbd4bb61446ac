//! A tier on disk for scrimp's cache layer: stored responses that survive a restart.
//!
//! [`DiskStore`] is a store for a `CacheLayer`. Put it below memory with
//! [`Tiered`](scrimp_cache::Tiered):
//!
//! ```no_run
//! use scrimp_cache::{CacheLayer, MemoryStore, Tiered};
//! use scrimp_disk::DiskStore;
//!
//! # fn main() -> Result<(), scrimp_core::SettingError> {
//! let disk = DiskStore::builder("/var/cache/api", 10 << 30).build()?;
//! let cache = CacheLayer::new(Tiered::new(MemoryStore::new(100 << 20), disk));
//! # let _ = cache; Ok(()) }
//! ```
//!
//! Three tiers, of which processes of a fleet share the middle one; `log` is the log of
//! invalidations that they share, such as that of `scrimp-redis`:
//!
//! ```no_run
//! use scrimp_cache::{CacheLayer, FrequencyTiers, MemoryStore, SharedLog, Store, Tiered};
//! use scrimp_disk::DiskStore;
//!
//! fn layer(
//!     redis: impl Store,
//!     log: &SharedLog,
//! ) -> Result<CacheLayer<impl Store>, scrimp_core::SettingError> {
//!     let disk = DiskStore::builder("/var/cache/api", 10 << 30).shared_log(log).build()?;
//!     let tiers = FrequencyTiers::new();
//!     let lower = Tiered::builder(redis, disk).policy(tiers.below()).build()?;
//!     let store = Tiered::builder(MemoryStore::new(100 << 20), lower).policy(tiers).build()?;
//!     Ok(CacheLayer::new(store))
//! }
//! ```
//!
//! # When not to use it
//!
//! - The upstream answers about as fast as the disk does.
//! - Responses are of use for seconds: they are gone before the process is back.
//! - Most responses are far smaller than 4 KiB, the least that a file takes.
//! - The folder would be on a network: several processes cannot share it.
//!
//! # Waiting, cancellation, failure
//!
//! A look-up waits for the disk no longer than the layer's `store_timeout`, or the time-outs of
//! `Tiered`. At most 256 look-ups and writes wait for it at the same time: when it stops, further
//! look-ups are misses and further writes are left out, at once, and [`DiskStoreStats`] counts them.
//! Each look-up holds its file in memory, which is at most four times the [largest
//! body](DiskStoreBuilder::max_body) and 1 MiB: there is no other bound on the memory of look-ups, so
//! 256 of the largest files take about 16 GiB with the default settings. Lower it where memory is scarce.
//!
//! An invalidation waits until it is in the journal, for at most 2 s. If the disk has stopped by then,
//! the journal is given up: invalidations hold, they no longer wait, and the journal is emptied once the
//! disk answers, so that nothing stored is used after a restart. Requests that invalidate something
//! wait for up to 4 s when that happens, once. Reading the folder when the store is built has no limit.
//!
//! Dropping a look-up or a put does not cancel it: a thread finishes it. A tokio runtime is needed.
//!
//! # What the folder holds
//!
//! Only its owner may read it.
//!
//! - `00` to `ff` hold one file per key, named by a digest of the key. The time of its last
//!   modification is when it is of no more use, so it may be in the future.
//! - `new` holds files that are being written, and `lock` keeps others from opening the folder.
//! - `journal` holds the invalidations. Without it, nothing stored is used.
//!
//! Delete the whole folder to empty the store, while no process has it open.
//!
//! # Features
//!
//! - `encryption`: responses and invalidations are encrypted with keys of your own.
//! - `metrics`: reports the counts through the `metrics` facade: `scrimp_core::metrics`.
//! - `serde`: the counts serialise.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod files;
mod folder;
mod journal;
mod store;

pub use store::{DiskStore, DiskStoreBuilder, DiskStoreStats};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
