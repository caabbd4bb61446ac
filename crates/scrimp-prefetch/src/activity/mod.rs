//! Users who are likely to come, and responses made for them before they do.

mod builder;
mod hours;
mod metered;
mod model;
mod precompute;
mod stats;
mod weights;
mod worker;

pub use self::{
    builder::PrecomputeBuilder,
    model::{ActivityPredictor, ActivityPredictorBuilder},
    precompute::Precompute,
    stats::PrecomputeStats,
};
