//! Batching for any tower service, with any type of request.

mod answers;
mod builder;
mod config;
mod driver;
mod error;
mod future;
mod layer;
mod memo;
#[cfg(feature = "metrics")]
mod metered;
mod service;

pub(crate) use answers::place;
pub use answers::{Answers, ByIndex};
pub use builder::GroupLayerBuilder;
pub use error::GroupError;
pub use future::GroupFuture;
pub use layer::{DistinctGroupLayer, GroupLayer};
pub use memo::{Memo, MemoFuture};
pub use service::Group;
