//! The lock of the model-checked code. `tests/schedules.rs` compiles the same sources with the
//! lock of a model checker.

pub(crate) use parking_lot::Mutex;
