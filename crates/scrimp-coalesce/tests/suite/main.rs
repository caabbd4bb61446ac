//! The tests of the coalescer, in one program: each more would be compiled and linked by itself.

mod cancel;
mod contract;
mod deadlines;
mod errors;
mod events;
mod fields;
mod http;
mod limits;
mod not_shared;
mod posts;
mod private_if;
#[path = "../rig/mod.rs"]
mod rig;
mod settings;
mod sharing;
mod target;
mod threads;
mod time;
mod types;
