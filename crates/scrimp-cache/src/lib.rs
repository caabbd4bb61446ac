//! HTTP caching as a tower layer.
mod answer;
mod body;
mod cache_status;
mod config;
mod draft;

mod exchange;
mod fetch;
mod fill;
mod future;
mod invalidate;
mod key;
mod layer;
mod lookup;
mod pattern;
mod policy;
mod refresh;
mod rule;
mod service;
mod stats;
mod store;
mod sync;

pub use body::CacheBody;
pub use future::ResponseFuture;
pub use invalidate::{Admin, AdminFuture, Invalidation, Invalidator};
pub use layer::CacheLayer;
pub use pattern::Pattern;
pub use policy::{Mode, Policy, Selection, Source};
pub use rule::{Rule, RuleBuilder, RuleError};
pub use service::Cache;
pub use stats::CacheStats;
pub use store::{
    Budget, Entry, Held, Lookup, MemoryStore, PutOutcome, Store, StoreStats, Variants,
};
