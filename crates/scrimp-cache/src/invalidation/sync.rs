//! The lock and the atomics of the model-checked code: `tests/schedules.rs` and
//! `tests/orderings.rs` compile the same sources over those of a model checker.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use parking_lot::RwLock;
