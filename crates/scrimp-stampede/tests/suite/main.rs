//! The tests of the stampede layer, in one program: each more would be compiled and linked by itself.

mod cancel;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod deadlines;
mod events;
mod failures;
mod http;
mod lock;
mod misses;
mod settings;
mod simulation;
mod time;
