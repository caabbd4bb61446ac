//! Attacks on shared caches that are in the literature, and the safe answer to each.

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
mod spelling;
mod splitting;
mod unkeyed;
mod validation;
mod vary;
