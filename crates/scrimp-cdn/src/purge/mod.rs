//! Purges: the queue of what is to be purged, and its delivery.

mod builder;
mod client;
mod config;
#[cfg(feature = "metrics")]
mod metered;
mod queue;
mod repeat;
mod state;
mod stats;
mod work;

pub use builder::CdnPurgerBuilder;
pub use client::CdnPurger;
pub use stats::PurgeStats;
