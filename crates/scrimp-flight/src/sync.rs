//! The lock of what is model-checked: `tests/schedules.rs` compiles the same sources over
//! that of a model checker.

pub(crate) use parking_lot::Mutex;
