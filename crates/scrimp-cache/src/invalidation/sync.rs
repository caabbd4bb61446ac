//! The locks and the atomics of the model-checked code: `tests/schedules.rs` and
//! `tests/orderings.rs` compile the same sources over those of a model checker.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use parking_lot::RwLock;

/// Number of locks among which the URIs with marks of writes are divided.
pub(crate) const SHARDS: usize = 64;

/// Number of buckets of the marks of writes that are kept.
pub(crate) const BUCKETS: usize = 1 << 12;
