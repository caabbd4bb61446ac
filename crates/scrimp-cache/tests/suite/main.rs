//! The tests of the cache, in one program: each more would be compiled and linked by itself.

mod answers;
mod body;
mod client_control;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod credentials;
mod deadlines;
mod erasure;
mod events;
mod extensions;
mod failures;
mod http;
mod interleavings;
mod invalidation;
mod learned;
mod monitor;
mod nest;
mod not_stored;
mod parts;
mod post;
mod prefetched;
mod private_if;
mod rules;
mod search;
mod settings;
mod shared_auth;
mod spellings;
mod target;
mod time;
mod variants;
