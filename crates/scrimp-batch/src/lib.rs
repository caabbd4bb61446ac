//! Many small calls become one paid call, as a tower layer.

mod body;
mod codec;
mod common;
mod config;
mod engine;
mod future;
mod group;
mod http;
mod job_size;
mod layer;
mod limiter;
mod service;
mod stats;

pub use body::BatchBody;
pub use codec::{
    Admission, ArrayInput, BatchCodec, Decoded, GraphQl, Item, JsonRpc, RestJson, Verdict,
    same_head, without_framing,
};
pub use engine::Window;
pub use future::ResponseFuture;
pub use group::{Answers, ByIndex, Group, GroupError, GroupFuture, GroupLayer};
pub use job_size::job_size;
pub use layer::BatchLayer;
#[cfg(feature = "governor")]
pub use limiter::Governed;
pub use limiter::RateLimit;
pub use service::Batch;
pub use stats::BatchStats;
