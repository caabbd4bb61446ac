//! Attacks on shared caches from the literature, and the safe reaction to each.

mod cloaking;
mod complaints;
mod deception;
mod disguised;
mod encoding;
mod fat_get;
mod head;
mod host;
mod oversize;
mod ranges;
mod secrets;
mod shared_tenants;
mod spelling;
mod splitting;
mod unkeyed;
mod validation;
mod vary;
mod writes;
