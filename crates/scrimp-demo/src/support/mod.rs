//! What the `scrimp` command and the demonstration both need, and nothing else does.

pub mod format;
pub mod random;
pub mod stopwatch;
