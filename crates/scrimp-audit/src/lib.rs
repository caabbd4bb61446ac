//! An append-only audit log whose records form a chain of hashes, and its verification.
//!
//! [`AuditLog`] takes events and writes them as lines of JSON. [`verify`](fn@verify) reads a folder and names the
//! file and the line of whatever was changed, removed, moved or cut off; `scrimp audit verify` is its
//! command line.
//!
//! ```
//! use scrimp_audit::{AuditKey, AuditLog};
//! use scrimp_cache::{CacheLayer, MemoryStore};
//!
//! # fn build(folder: &std::path::Path, chain: [u8; 32], names: [u8; 32]) -> Result<(), scrimp_core::SettingError> {
//! let log = AuditLog::builder(folder)
//!     .key(AuditKey::new(chain))
//!     .pseudonyms(AuditKey::new(names))
//!     .build()?;
//! // Each invalidation is a record.
//! let cache = CacheLayer::builder(MemoryStore::new(64 << 20)).purger(log.clone()).build()?;
//! # let _ = cache; Ok(()) }
//! ```
//!
//! Requests are recorded by an [`AuditLayer`], around the routes of operators, or around a whole stack for
//! what its layers refuse:
//!
//! ```
//! use http::{Request, Response};
//! use scrimp_audit::{AuditLayer, AuditLog};
//! use tower::{ServiceBuilder, service_fn};
//!
//! # fn build(log: &AuditLog) {
//! let admin = ServiceBuilder::new()
//!     .layer(AuditLayer::new(log).actor(|parts| parts.extensions.get::<User>().map(|user| user.0.clone())))
//!     .service(service_fn(|_: Request<String>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//!     }));
//! # let _ = admin; }
//! # #[derive(Clone)] struct User(String);
//! ```
//!
//! # Ways in
//!
//! There are three, and no layer knows of the log. Invalidations come through `Purger`, which a cache calls
//! after each of them, as it does for a CDN. Refusals and requests come through an ordinary tower
//! layer, which sees who asks; a layer inside says by an extension of its response that it has
//! refused. Everything else, such as a configuration that was read again, is the program's own, and
//! [recorded](AuditLog::record) where it happens. A sink inside every layer would have to be passed to all of
//! them, and would know less: only the outside knows the operator.
//!
//! # When not to use it
//!
//! - For diagnosis: that is what `tracing` is for. This log is for evidence.
//! - For every request of a busy service: a record takes about 400 bytes, and the queue is bounded.
//!
//! # Waiting, cancellation, failure
//!
//! No call waits for the disk, except [`AuditLog::flush`] and [`AuditLog::close`], which can be dropped at any
//! time. [`AuditLayer`] passes readiness through, and calls the service that was ready. A request whose
//! caller leaves is recorded with the outcome `cancelled`.
//!
//! # The form of a record
//!
//! A line has the members `seq`, `time` (milliseconds since 1970), `kind`, then `actor`, `tenant`, `subject`,
//! `target`, `outcome` and `details` where there are such, `prev` (the hash of the record before, 64 zeros in
//! front of the first one) and `hash`: SHA-256, or HMAC-SHA256 with the key of the log, of the text
//! `scrimp-audit record 1`, a zero byte, and all bytes of the line before `,"hash"`.
//!
//! The log writes records of its own: `opened`, `closed`, `gap`, `torn`, `retired`.
//!
//! # Features
//!
//! - `metrics`: reports the counts through the `metrics` facade: `scrimp_core::metrics`.
//! - `serde`: the counts serialise.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod chain;
mod event;
mod files;
mod log;
#[cfg(feature = "metrics")]
mod metered;
mod purge;
mod stats;
mod traffic;
mod verify;
mod writer;

pub use builder::AuditLogBuilder;
pub use chain::{Anchor, AuditKey};
pub use event::{AuditEvent, AuditKind};
pub use log::AuditLog;
pub use stats::AuditStats;
pub use traffic::{Audit, AuditFuture, AuditLayer};
pub use verify::{Fault, Finding, LogReport, verify};
pub use writer::AuditSync;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
