//! Batches of HTTP requests: keys, calls, answers, retries and charges.

mod batch;
mod call;
mod driver;
mod job;
mod key;
mod money;
mod outcome;
mod problem;
mod retry;

pub(crate) use call::Ended;
pub(crate) use driver::HttpDriver;
pub(crate) use job::{Job, Reply, first};
pub(crate) use key::LaneKey;
pub(crate) use money::share;
pub(crate) use problem::Problem;
