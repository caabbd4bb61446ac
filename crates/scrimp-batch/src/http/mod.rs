//! The HTTP form: what is done with a batch that goes out, and what comes back.

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
pub(crate) use job::{Job, Reply};
pub(crate) use key::LaneKey;
pub(crate) use money::share;
pub(crate) use problem::Problem;
