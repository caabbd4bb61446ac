//! The layer that records requests.

mod future;
mod layer;
mod service;

pub use future::AuditFuture;
pub use layer::AuditLayer;
pub use service::Audit;
