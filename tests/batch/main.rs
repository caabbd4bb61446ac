//! Batches to third-party servers. `scripts/batch.sh` installs and starts them.

mod client;
mod graphql;
mod odata;
mod rpc;
mod server;
