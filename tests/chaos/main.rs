//! Failures of every kind. No key stays blocked, no incomplete response is stored, no memory is
//! lost.

mod cancel;
mod clients;
mod coalesce;
mod panics;
mod refreshes;
mod slow;
mod stores;
mod upstreams;
