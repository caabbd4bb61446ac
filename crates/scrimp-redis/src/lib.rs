//! A shared tier for scrimp's layers in Redis.

mod client;
mod lock;
mod log;
mod store;

pub use client::{Degradation, RedisClient, RedisClientBuilder, RedisStats};
pub use lock::RedisFillLock;
pub use log::{RedisLog, RedisLogBuilder, RedisLogStats, WhenBehind};
pub use store::{RedisStore, RedisStoreBuilder, RedisStoreStats};
