//! Facts of the HTTP APIs of language models: [the model](model) that a request names, and whether an
//! [`Answer`] is complete.
//!
//! These facts are not of HTTP, and several layers need them: the router renames models, the cache
//! keeps complete answers only.

pub mod answer;
pub mod model;

pub use answer::Answer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
