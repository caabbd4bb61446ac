//! Worlds with prompt caches, quotas, lines, stalls and batch prices, in virtual time.
//!
//! The layer itself runs here, over servers in memory, beside the strategies of other routers.

mod account;
mod batch;
mod bound;
mod field;
mod layer;
mod report;
mod run;
mod servers;
#[cfg(test)]
mod tests;
mod trace;
mod world;

pub(crate) use self::report::print;
