//! Get-or-set for values that are not HTTP: one fill per key, and memory bounded in bytes.
//!
//! ```
//! use std::time::Duration;
//!
//! use scrimp_values::{ValueCache, mib};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn row(id: u32) -> Result<String, std::io::Error> {
//!     Ok(format!("row {id}"))
//! }
//!
//! let rows = ValueCache::builder(mib(64))
//!     .lifetime(Duration::from_secs(60))
//!     .weight(|row: &String| row.len() as u64)
//!     .build()?;
//! let seven = rows.get_or_set("7", || row(7)).await?;
//! assert_eq!(*seven, "row 7");
//! assert_eq!(rows.get("7"), Some(seven));
//! assert_eq!(rows.stats().hit_rate(), Some(0.5));
//! # Ok(()) }
//! ```
//!
//! # When not to use it
//!
//! - For HTTP: `scrimp-cache` knows what may be stored, for whom, and for how long.
//! - For values that other processes change without telling this one, unless a lifetime bounds how old they may be.
//!
//! # Waiting, cancellation
//!
//! The caller that fills a key runs its own future, and nothing is spawned. If it is dropped or panics, one of those
//! that wait has its turn. A caller may leave at any time.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod cache;
mod config;
mod fills;
mod stats;
mod value;

pub use builder::ValueCacheBuilder;
pub use cache::ValueCache;
pub use scrimp_core::{SettingError, SharedError, gib, kib, mib};
pub use stats::ValueCacheStats;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
