//! The layers with third-party layers, servers and clients.

mod batch_cache;
mod batch_server;
mod bounds;
mod coalesce;
mod coalesce_cache;
mod compression;
mod events;
mod failed_calls;
mod failures;
mod figures;
mod files;
mod foreign_bodies;
mod idioms;
mod key_by;
mod ledgers;
mod limits;
mod outbound;
mod presence;
mod refresh;
mod reqwest;
mod response_extensions;
mod series;
mod server;
mod sessions;
mod spans;
mod versions;
