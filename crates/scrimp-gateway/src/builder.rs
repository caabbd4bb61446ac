//! The builder.

use std::{
    ops::{Bound, RangeBounds},
    time::Duration,
};

use http::{Uri, uri::Authority};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::{BoxError, SettingError, Settings};

use crate::{config::Config, gateway::Gateway};

/// Name of the type in errors of settings.
const OWNER: &str = "Gateway";
/// Range of times.
const TIMES: (Bound<Duration>, Bound<Duration>) = (
    Bound::Excluded(Duration::ZERO),
    Bound::Included(Duration::from_secs(86_400)),
);

/// Builds a [`Gateway`]. Made by [`Gateway::builder`].
#[must_use = "a builder does nothing until `build` is called"]
#[derive(Debug)]
pub struct GatewayBuilder(Settings<Config>);

// === impl Gateway ===

impl Gateway {
    /// Starts a gateway in front of `upstream`: `http://HOST[:PORT]`, without a path.
    pub fn builder(upstream: impl TryInto<Uri, Error: Into<BoxError>>) -> GatewayBuilder {
        let shape = "a URL such as http://127.0.0.1:9000";
        let upstream = SettingError::read(OWNER, "upstream", upstream, shape);
        let config = Config {
            // Replaced below, or unused.
            upstream: Authority::from_static("localhost"),
            cache: Some(CacheLayer::new(MemoryStore::new(256 << 20))),
            preserve_host: false,
            trust_forwarded: false,
            upstream_timeout: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        };
        let upstream = upstream.and_then(|uri| authority(&uri));
        GatewayBuilder(
            Settings::new(OWNER, config)
                .checked(upstream, |config, upstream| config.upstream = upstream),
        )
    }
}

// === impl GatewayBuilder ===

impl GatewayBuilder {
    /// Sets the cache. Default: a shared one with 256 MiB of memory and no rules.
    pub fn cache(self, cache: CacheLayer) -> Self {
        self.set(|config| config.cache = Some(cache))
    }

    /// Passes all requests through and stores nothing.
    pub fn no_cache(self) -> Self {
        self.set(|config| config.cache = None)
    }

    /// Sends the client's Host to the upstream. Default: the upstream's own.
    pub fn preserve_host(self) -> Self {
        self.set(|config| config.preserve_host = true)
    }

    /// Trusts and extends the Forwarded and X-Forwarded-* fields of clients. Only for a gateway
    /// that no client but a trusted proxy can reach.
    pub fn trust_forwarded(self) -> Self {
        self.set(|config| config.trust_forwarded = true)
    }

    /// Limits the time until the upstream's response head, the request's upload included.
    /// Range: above 0 and at most a day. Default: 60 s.
    pub fn upstream_timeout(self, time: Duration) -> Self {
        self.within("upstream_timeout", time, TIMES, |config, time| {
            config.upstream_timeout = time;
        })
    }

    /// Limits the time of open requests after the stop signal. Range: at most a day. Default: 10 s.
    pub fn drain(self, time: Duration) -> Self {
        let range = ..=Duration::from_secs(86_400);
        self.within("drain", time, range, |config, time| config.drain = time)
    }

    /// Builds the gateway.
    ///
    /// # Errors
    ///
    /// If the upstream is not `http://HOST[:PORT]`, or a time is out of its range.
    pub fn build(self) -> Result<Gateway, SettingError> {
        self.0.finish().map(Gateway::from_config)
    }

    fn set(self, change: impl FnOnce(&mut Config)) -> Self {
        Self(self.0.set(change))
    }

    fn within(
        self,
        setting: &'static str,
        time: Duration,
        range: impl RangeBounds<Duration>,
        change: impl FnOnce(&mut Config, Duration),
    ) -> Self {
        Self(self.0.within(setting, time, range, change))
    }
}

/// Returns the authority of a supported upstream.
fn authority(uri: &Uri) -> Result<Authority, SettingError> {
    let refuse = |problem: &str| Err(SettingError::new(OWNER, "upstream", problem));
    if uri.scheme_str() == Some("https") {
        return refuse("must be an http URL: https upstreams are not supported");
    }
    let authority = match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(authority)) => authority.clone(),
        _ => return refuse("must be like http://HOST[:PORT]"),
    };
    if authority.as_str().contains('@') {
        return refuse("must not have a user name");
    }
    if uri
        .path_and_query()
        .is_some_and(|path| path.as_str() != "/")
    {
        return refuse("must not have a path or a query");
    }
    Ok(authority)
}
