//! The tests of the batcher, in one program: each more would be compiled and linked by itself.

mod alone;
mod attack;
mod cancel;
mod codecs;
mod codings;
mod contract;
mod decoding;
mod delivery;
mod dialects;
mod distinct;
mod fields;
mod group;
mod group_cancel;
mod http;
mod limits;
mod money;
mod rate;
mod refusal;
mod retry;
mod rpc;
mod rules;
mod runtime;
mod settings;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod target;
mod tenants;
mod time;
