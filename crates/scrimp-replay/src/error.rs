//! Errors of a replay.

pub use scrimp_demo::Error;

/// [`std::result::Result`] with this crate's [`Error`].
///
/// Invalid lines are not errors; they are counted in [`Report::bad_lines`](crate::Report).
pub type Result<T, E = Error> = std::result::Result<T, E>;
