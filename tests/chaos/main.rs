//! Everything breaks. No key stays wedged, nothing half is stored, no memory is lost.

mod cancel;
mod clients;
mod coalesce;
mod panics;
mod refreshes;
mod slow;
mod stores;
mod upstreams;
