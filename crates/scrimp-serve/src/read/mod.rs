//! Reading of TOML with places: each problem has its line, and all of them are found in one go.
//!
//! - `problem`: a problem, and its text with file, line, column and the line itself;
//! - `schema`: the sections and keys that exist, as data;
//! - `section`: reads the keys of one section;
//! - `units`: sizes, times, paces and rates as text.

mod problem;
pub(crate) mod schema;
mod section;
pub(crate) mod units;

pub use problem::ConfigError;
pub(crate) use problem::Problems;
pub use schema::settings_in_markdown;
pub(crate) use section::{At, Section, nearest};
