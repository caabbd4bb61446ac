//! Caches of several processes over one store and one log of invalidations.

#![cfg(feature = "codec")]

#[path = "../common/mod.rs"]
mod common;

mod decisions;
mod node;
mod races;
