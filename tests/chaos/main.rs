//! Everything breaks. No key stays wedged, nothing half is stored, no memory is lost.

mod clients;
mod panics;
mod stores;
mod upstreams;
