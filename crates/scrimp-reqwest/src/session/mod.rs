//! Outside the stack: the duties that reqwest's client has for its user.

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
