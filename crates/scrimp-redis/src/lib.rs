//! A tier in Redis that the processes of a fleet share, for scrimp's layers.
//!
//! - [`RedisClient`] is the connection: to one server, to the primary that sentinels name, or to a
//!   cluster. It never makes a request wait for a server that does not answer.
//! - [`RedisStore`] keeps stored responses for a cache layer. Put it below memory with
//!   [`Tiered`](scrimp_cache::Tiered).
//! - [`RedisLog`] makes the invalidations of one process hold in all. Give it to the store: without
//!   it, no process uses what another one has stored, and each replaces it with its own.
//! - [`RedisFillLock`] lets one process of the fleet fill a key, for a stampede layer.
//! - [`RedisAllowance`] lets all processes spend one budget together, for a cost-routing layer.
//! - [`RedisRate`] makes all processes keep to one rate together, for a limit layer.
//!
//! ```no_run
//! use scrimp_cache::{CacheLayer, MemoryStore, Tiered};
//! use scrimp_redis::{RedisClient, RedisLog, RedisStore};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let redis = RedisClient::builder(["redis://127.0.0.1:6379/0"]).build()?;
//! let log = RedisLog::builder(&redis).build()?;
//! let shared = RedisStore::builder(&redis).shared_log(log.shared()).build()?;
//! let store = Tiered::new(MemoryStore::new(100 << 20), shared);
//! let cache = CacheLayer::new(store);
//! # let _ = cache; Ok(()) }
//! ```
//!
//! An encrypted store, in a cluster whose certificates are signed by an authority of your own:
//!
//! ```no_run
//! # #[cfg(all(feature = "tls", feature = "encryption"))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use scrimp_cache::{Codec, Compression, EncryptionKeys};
//! use scrimp_redis::{RedisClient, RedisLog, RedisStore};
//!
//! # let secret = [7; 32];
//! let redis = RedisClient::builder(["rediss://redis-1.example", "rediss://redis-2.example"])
//!     .cluster()
//!     .tls_roots(std::fs::read("authority.pem")?)
//!     .build()?;
//! let log = RedisLog::builder(&redis).build()?;
//! let codec = Codec::new().compression(Compression::Fast);
//! let store = RedisStore::builder(&redis)
//!     .shared_log(log.shared())
//!     .codec(codec.encryption(EncryptionKeys::new(1, secret)))
//!     .build()?;
//! # let _ = store; Ok(()) }
//! # #[cfg(not(all(feature = "tls", feature = "encryption")))]
//! # fn main() {}
//! ```
//!
//! # When not to use it
//!
//! - One process answers all requests: memory alone is faster, and a store on disk survives restarts.
//! - The upstream answers about as fast as Redis does.
//!
//! # Waiting, cancellation, failure
//!
//! A look-up waits for Redis no longer than the [command
//! time-out](RedisClientBuilder::command_timeout), and only the look-ups of the moment at which a
//! server stops wait at all. Then its breaker is open: a look-up is a miss, a write is left out, and
//! a lock is not waited for, each at once. Layers that share calls within the process do so as before.
//! [`notify_degraded`](RedisClientBuilder::notify_degraded) hears of it, and [`RedisStats`] counts
//! what was left out.
//!
//! Dropping a look-up does not cancel its command: the reply is read and dropped. Tasks in the
//! background end with the last handle on the client. A tokio runtime with I/O and time is needed.
//!
//! # What Redis holds
//!
//! - `{prefix}:{format}.{codec}:{digest}` is a string with a response, or a hash with one field for each
//!   of its variants if there are several, and one for what is known of them. It expires.
//! - `{prefix}:lock:{digest}`, in braces, is a lock, and the same with `:waiters` marks that processes
//!   wait for it. Both expire. `{prefix}:fence`, the counter of fences, does not.
//! - `{name:log}:head` and `{name:log}:stream`, in which the braces are part of the names, are the log.
//!   They do not expire; the stream has a [bounded](RedisLogBuilder::kept) number of records.
//!   `{name:log}:elected` names the process that beats, and expires.
//! - `{prefix}:lease:{digest}` is an account of a budget in one period, and the same with `:ends` the ends of
//!   the leases that processes have of it. Both expire an hour after the period; an account without an end
//!   does not.
//! - `scrimp:rate:{name}:{digest}` is a rate limit. It expires a second after it is full again.
//! - `{prefix}:released`, `{prefix}:leases` and `{name:log}:bell` are channels. In a cluster of Redis 7 or later, the bell is
//!   a sharded one: its messages stay with the nodes that hold the log.
//!
//! # Features
//!
//! - `tls`: URLs that begin with `rediss:`, by rustls. Without a provider of cryptography for the
//!   process, ring is installed as such.
//! - `encryption`: `Codec::encryption`.
//! - `metrics`: reports the counts through the `metrics` facade: `scrimp_core::metrics`.
//! - `serde`: the counts serialise.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod allowance;
mod client;
mod lock;
mod log;
mod rate;
mod store;

pub use allowance::{
    RedisAllowance, RedisAllowanceBuilder, RedisAllowanceStats, WhenLost, WhenUnreachable,
};
pub use client::{Degradation, RedisClient, RedisClientBuilder, RedisStats};
pub use lock::RedisFillLock;
pub use log::{RedisLog, RedisLogBuilder, RedisLogStats, WhenBehind};
pub use rate::{RedisRate, RedisRateStats};
pub use store::{RedisStore, RedisStoreBuilder, RedisStoreStats};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
