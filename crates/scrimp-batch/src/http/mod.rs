//! Batches of HTTP requests: keys, calls, answers, retries and charges.

mod alone;
mod batch;
mod call;
mod caller;
mod combine;
mod common;
mod divide;
mod driver;
mod envelope;
mod job;
mod key;
mod lanes;
mod opening;
mod outcome;
mod problem;
mod retry;

pub(crate) use common::Common;
pub(crate) use driver::HttpDriver;
pub(crate) use job::{Job, Reply, first};
pub(crate) use key::lane_key;
pub(crate) use lanes::AnyLanes;
pub(crate) use problem::Problem;
