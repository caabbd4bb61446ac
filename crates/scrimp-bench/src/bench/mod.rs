//! The benchmarks, one file each.

pub(crate) mod batch;
pub(crate) mod clone;
pub(crate) mod coalesce;
pub(crate) mod evict;
pub(crate) mod hit;
pub(crate) mod instructions;
pub(crate) mod memory;
pub(crate) mod pass;
pub(crate) mod purge;
pub(crate) mod redis;
pub(crate) mod route;
pub(crate) mod serve;
pub(crate) mod stack;
pub(crate) mod stampede;
pub(crate) mod threads;
pub(crate) mod window;
