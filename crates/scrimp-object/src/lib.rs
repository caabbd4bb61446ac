//! A tier in an object store for scrimp's cache layer.
//!
//! [`BucketStore`] is a store over the crate [`object_store`]: S3 and what speaks its protocol, Google
//! Cloud Storage, Azure Blob Storage, local files. Put it below memory, or below Redis or a disk, with
//! [`Tiered`](scrimp_cache::Tiered):
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use object_store::memory::InMemory;
//! use scrimp_cache::{CacheLayer, MemoryStore, Tiered};
//! use scrimp_object::BucketStore;
//!
//! # fn main() -> Result<(), scrimp_core::SettingError> {
//! // Or `AmazonS3Builder::from_env()`, with the feature `aws` of `object_store`.
//! let objects = Arc::new(InMemory::new());
//! let bucket = BucketStore::builder(objects).prefix("cache/api").build()?;
//! let store = Tiered::builder(MemoryStore::new(100 << 20), bucket)
//!     .hard_timeout(Duration::from_millis(300))
//!     .build()?;
//! let cache = CacheLayer::builder(store).store_timeout(Duration::from_millis(300)).build()?;
//! # let _ = cache; Ok(()) }
//! ```
//!
//! In a fleet, with the log of invalidations that its processes share, such as that of `scrimp-redis`:
//!
//! ```
//! use std::sync::Arc;
//!
//! use object_store::ObjectStore;
//! use scrimp_cache::{CacheLayer, FrequencyTiers, MemoryStore, SharedLog, Store, Tiered};
//! use scrimp_object::BucketStore;
//!
//! fn layer(
//!     redis: impl Store,
//!     objects: Arc<dyn ObjectStore>,
//!     log: &SharedLog,
//! ) -> Result<CacheLayer<impl Store>, scrimp_core::SettingError> {
//!     let bucket = BucketStore::builder(objects).shared_log(log).build()?;
//!     let tiers = FrequencyTiers::new();
//!     let lower = Tiered::builder(redis, bucket).policy(tiers.below()).build()?;
//!     let store = Tiered::builder(MemoryStore::new(100 << 20), lower).policy(tiers).build()?;
//!     Ok(CacheLayer::new(store))
//! }
//! ```
//!
//! # When not to use it
//!
//! - The upstream answers about as fast, or costs no more than a request to the object store. (A write
//!   usually costs several times as much as a look-up.)
//! - Responses are of use for seconds.
//!
//! # Waiting, cancellation, failure
//!
//! A look-up waits no longer than the [time-out](BucketStoreBuilder::lookup_timeout). Dropping it
//! cancels its request. That counts as a failure from half of the time-out on: it was too slow for its
//! caller, and before that the caller may have gone away. So keep the time-out at or below twice that of
//! the layer and of `Tiered`: otherwise, look-ups that these give up do not open the breaker, and each
//! request waits for a slow object store. After four failures in turn, look-ups are misses and writes are left out for a second, and longer each time, up
//! to 30 s; then one of them finds out. `object_store` repeats what fails by itself: with a
//! `RetryConfig` of more than the time-outs, the latter end it.
//!
//! At most 256 requests are in progress at the same time. Each holds its object in memory, which is at most
//! four times the [largest body](BucketStoreBuilder::max_body) and 1 MiB: there is no other bound, so 256
//! of the largest take about 16 GiB with the default settings. Lower it where memory is scarce. A tokio runtime with time is needed, and what
//! the object store needs.
//!
//! # What the object store holds
//!
//! - `{prefix}/{format}.{codec}/{digest}` is an object with the variants of a response.
//! - `{prefix}/clock/{process}` is written, asked for its time and deleted, once an hour: the age of
//!   what is stored is measured on the clock of the object store.
//!
//! The bytes have no bound but the lifetime of responses: clients that can name any number of
//! cacheable targets make as many objects. A [`TierPolicy`](scrimp_cache::TierPolicy) decides which
//! responses go there.
//!
//! # Features
//!
//! - `encryption`: `Codec::encryption`.
//! - `metrics`: reports the counts through the `metrics` facade: `scrimp_core::metrics`.
//! - `serde`: the counts serialise.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod clock;
mod object;
mod store;

pub use object_store;
pub use store::{BucketStore, BucketStoreBuilder, BucketStoreStats};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
