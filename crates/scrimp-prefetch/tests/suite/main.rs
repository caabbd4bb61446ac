//! The tests of the prefetcher, in one program: each more would be compiled and linked by itself.

mod activity;
mod browser;
mod contract;
mod failures;
mod forget;
mod http;
mod links;
#[path = "../rig/mod.rs"]
mod rig;
mod settings;
mod time;
