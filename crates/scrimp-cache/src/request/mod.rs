//! What a request asks of the cache.

pub(crate) mod key;
pub(crate) mod read;
#[cfg(feature = "no-vary-search")]
pub(crate) mod search;
pub(crate) mod target;
