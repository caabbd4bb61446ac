//! Code that only the `scrimp` command and the demonstration share.

pub mod fleet;
pub mod format;
pub mod random;
pub mod stopwatch;
