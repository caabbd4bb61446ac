//! The fields that responses get for a CDN.

mod builder;
mod cdn;
mod config;
mod future;
mod layer;
mod lifetime;
mod mark;
#[cfg(feature = "metrics")]
mod metered;
mod service;
mod stats;

pub use builder::CdnLayerBuilder;
pub use cdn::Cdn;
pub use future::CdnFuture;
pub use layer::CdnLayer;
pub use lifetime::CdnLifetime;
pub use service::CdnService;
pub use stats::{CdnStats, NotMarked};
