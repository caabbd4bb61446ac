//! Purges: the requests of each API, their limits, and their delivery.

mod cloudflare;
mod delivery;
mod failures;
mod fastly;
mod nginx;
mod rig;
mod secrets;
mod varnish;
