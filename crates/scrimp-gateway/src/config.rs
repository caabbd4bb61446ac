//! The settings of a gateway.

use std::time::Duration;

use http::uri::Authority;
use scrimp_cache::CacheLayer;

/// Settings of a gateway.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) upstream: Authority,
    pub(crate) cache: Option<CacheLayer>,
    pub(crate) preserve_host: bool,
    pub(crate) trust_forwarded: bool,
    pub(crate) upstream_timeout: Duration,
    pub(crate) drain: Duration,
}
