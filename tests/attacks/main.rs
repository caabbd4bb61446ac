//! Attacks on shared caches from the literature, and the safe reaction to each.

mod cloaking;
mod complaints;
mod deception;
mod disguised;
mod early_refreshes;
mod encoding;
mod fat_get;
mod head;
mod host;
mod oversize;
mod ranges;
mod refreshes;
mod secrets;
mod shared_tenants;
mod slow_readers;
mod spelling;
mod splitting;
mod strangers;
mod unkeyed;
mod validation;
mod vary;
mod withheld;
mod writes;
