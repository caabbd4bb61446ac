//! The tests of the router, in one program: each more would be compiled and linked by itself.

mod bills;
mod breaks;
mod budget;
mod cancel;
mod caps;
mod choice;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod currency;
mod failover;
mod fleet;
mod http;
mod prompts;
mod quality;
mod settings;
mod stats;
mod time;
