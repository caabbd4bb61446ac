//! The cache among other people's layers, servers and clients.

mod bounds;
mod compression;
mod limits;
mod outbound;
mod refresh;
mod reqwest;
mod server;
