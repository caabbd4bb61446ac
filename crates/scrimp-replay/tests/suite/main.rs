//! The tests of the replay, in one program: each more would be compiled and linked by itself.

mod command;
#[path = "../common/mod.rs"]
mod common;
mod count;
mod curve;
mod layers;
mod page;
mod prefetch;
mod rules;
mod stampede;
mod usage;
