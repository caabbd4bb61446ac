//! The builder of a client.

use std::{sync::Arc, time::Duration};

use scrimp_core::{SettingError, Settings};

use super::{
    Degradation, RedisClient,
    config::{Config, Kind, OWNER},
};

/// Builds a [`RedisClient`].
#[must_use]
pub struct RedisClientBuilder(Settings<Config>);

// === impl RedisClientBuilder ===

impl RedisClientBuilder {
    pub(super) fn new(urls: Vec<String>) -> Self {
        Self(Settings::new(OWNER, Config::new(urls)))
    }

    /// Takes the URLs as those of sentinels, which know the primary of the `service`. User,
    /// password and database of the first URL are those of the servers with the data.
    pub fn sentinel(self, service: impl Into<String>) -> Self {
        let kind = Kind::Sentinel(service.into());
        Self(self.0.set(|config| config.kind = kind))
    }

    /// Sets the password of the sentinels themselves. Default: none.
    pub fn sentinel_password(self, password: impl Into<String>) -> Self {
        let password = Some(password.into());
        Self(self.0.set(|config| config.sentinel_password = password))
    }

    /// Takes the URLs as nodes of one cluster, of which the client finds the others. Channels belong to
    /// nodes: as long as the node of one that a log, a lock or an allowance listens to cannot be subscribed
    /// to, no new connection is used.
    pub fn cluster(self) -> Self {
        Self(self.0.set(|config| config.kind = Kind::Cluster))
    }

    /// Sets the longest wait for the result of a command, from 1 ms to 10 s. A request waits no
    /// longer than this for Redis, and only the requests of the moment at which Redis stops wait at
    /// all. Default: 40 ms.
    pub fn command_timeout(self, time: Duration) -> Self {
        let range = Duration::from_millis(1)..=Duration::from_secs(10);
        let settings = self.0;
        Self(
            settings.within("command_timeout", time, range, |config, time| {
                config.command_timeout = time;
            }),
        )
    }

    /// Sets the longest time to open a connection, from 10 ms to 1 min. No request waits for it,
    /// other than the first ones, which wait as long as for a command. Default: 1 s.
    pub fn connect_timeout(self, time: Duration) -> Self {
        let range = Duration::from_millis(10)..=Duration::from_secs(60);
        let settings = self.0;
        Self(
            settings.within("connect_timeout", time, range, |config, time| {
                config.connect_timeout = time;
            }),
        )
    }

    /// Sets the time between two health checks, and the longest one between two probes of an
    /// endpoint that does not answer, from 100 ms to 5 min. Default: 5 s.
    pub fn health_interval(self, time: Duration) -> Self {
        let range = Duration::from_millis(100)..=Duration::from_secs(300);
        let settings = self.0;
        Self(
            settings.within("health_interval", time, range, |config, time| {
                config.health_interval = time;
            }),
        )
    }

    /// Calls a function whenever an endpoint stops serving, or serves again. It must not block.
    /// Default: none; a line in the log says both.
    pub fn notify_degraded(self, hook: impl Fn(&Degradation) + Send + Sync + 'static) -> Self {
        Self(self.0.set(|config| config.hook = Some(Arc::new(hook))))
    }

    /// Trusts these certificate authorities (PEM) instead of those of the system.
    #[cfg(feature = "tls")]
    pub fn tls_roots(self, pem: impl Into<Vec<u8>>) -> Self {
        let roots = Some(pem.into());
        Self(self.0.set(|config| config.tls.roots = roots))
    }

    /// Presents this certificate chain to the servers, with its key (both PEM). Default: none.
    #[cfg(feature = "tls")]
    pub fn tls_identity(self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let identity = Some((chain.into(), key.into()));
        Self(self.0.set(|config| config.tls.identity = identity))
    }

    /// Builds the client. It connects when it is first used.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or the URLs cannot be used.
    pub fn build(self) -> Result<RedisClient, SettingError> {
        RedisClient::with(self.0.finish()?)
    }
}

impl std::fmt::Debug for RedisClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URLs hold passwords.
        f.debug_struct("RedisClientBuilder").finish_non_exhaustive()
    }
}
