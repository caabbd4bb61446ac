//! What reqwest's client does for its user by itself, outside the stack.

mod builder;
mod config;
mod future;
mod hop;
mod layer;
mod service;

pub use builder::SessionLayerBuilder;
pub use future::SessionFuture;
pub use layer::SessionLayer;
pub use service::Session;
