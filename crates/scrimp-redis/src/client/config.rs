//! The settings of a client.

use std::{sync::Arc, time::Duration};

use redis::{
    ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError,
    cluster::ClusterClientBuilder,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use scrimp_core::SettingError;

use super::{Degradation, channels::Channels, link::Topology, tls::Tls};

/// Name of the type that the settings belong to.
pub(super) const OWNER: &str = "RedisClient";

/// Attempts of redis-rs to follow a slot of a cluster that has moved. The time-out of the command
/// covers them all.
const CLUSTER_RETRIES: u32 = 3;

/// Shortest and longest wait before such an attempt, in milliseconds. By default, redis-rs waits for more
/// than a second, which is longer than a command may take: keys of a slot that moves are between two
/// nodes for a few milliseconds.
const CLUSTER_RETRY_WAIT: (u64, u64) = (4, 16);

/// Longest time for any command in a cluster.
const CLUSTER_LIMIT: Duration = Duration::from_secs(10);

/// Hook that hears of every change.
pub(super) type Hook = Arc<dyn Fn(&Degradation) + Send + Sync>;

/// The settings of a builder.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) urls: Vec<String>,
    pub(super) kind: Kind,
    pub(super) command_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) health_interval: Duration,
    pub(super) hook: Option<Hook>,
    pub(super) tls: Tls,
    pub(super) sentinel_password: Option<String>,
}

/// The kind of servers behind the URLs.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Sentinel(String),
    Cluster,
}

// === impl Config ===

impl Config {
    pub(super) fn new(urls: Vec<String>) -> Self {
        Self {
            urls,
            kind: Kind::Single,
            command_timeout: Duration::from_millis(40),
            connect_timeout: Duration::from_secs(1),
            health_interval: Duration::from_secs(5),
            hook: None,
            tls: Tls::default(),
            sentinel_password: None,
        }
    }

    /// Makes what opens connections. Nothing is sent yet.
    pub(super) fn topology(&self, channels: &Arc<Channels>) -> Result<Topology, SettingError> {
        if self.urls.is_empty() {
            return Err(SettingError::new(
                OWNER,
                "urls",
                "must name at least one server",
            ));
        }
        let servers = self.urls.iter().map(|url| self.server(url));
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        match &self.kind {
            Kind::Single => match <[_; 1]>::try_from(servers) {
                Ok([server]) => {
                    let client = self.tls.single(server).map_err(unusable)?;
                    Ok(Topology::Single(Box::new(client)))
                }
                Err(several) => {
                    let problem = format_args!(
                        "must be one URL without `cluster` or `sentinel`, not {}",
                        several.len()
                    );
                    Err(SettingError::new(OWNER, "urls", problem))
                }
            },
            Kind::Sentinel(name) => {
                let client = self.sentinel(servers, name).map_err(unusable)?;
                Ok(Topology::Sentinel(Box::new(client.into())))
            }
            Kind::Cluster => {
                let channels = Arc::clone(channels);
                let builder = ClusterClientBuilder::new(servers)
                    .use_protocol(ProtocolVersion::RESP3)
                    .retries(CLUSTER_RETRIES)
                    .min_retry_wait(CLUSTER_RETRY_WAIT.0)
                    .max_retry_wait(CLUSTER_RETRY_WAIT.1)
                    .connection_timeout(self.connect_timeout)
                    // Each command has a limit of its own, which may be longer for writes.
                    .response_timeout(CLUSTER_LIMIT)
                    .push_sender(move |push| {
                        channels.receive(&push);
                        Ok::<_, std::convert::Infallible>(())
                    });
                let client = self
                    .tls
                    .cluster(builder)
                    .and_then(ClusterClientBuilder::build);
                let client = client.map_err(unusable)?;
                Ok(Topology::Cluster(Box::new(client)))
            }
        }
    }

    fn server(&self, url: &str) -> Result<ConnectionInfo, SettingError> {
        let server = url.into_connection_info().map_err(unusable)?;
        self.tls.fits(&server)?;
        // Messages arrive on the connection of the commands.
        let settings = server.redis_settings().clone();
        Ok(server.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3)))
    }

    /// Credentials and database of the URLs are those of the servers that hold the data.
    fn sentinel(
        &self,
        servers: Vec<ConnectionInfo>,
        name: &str,
    ) -> Result<SentinelClient, RedisError> {
        let first = servers[0].clone();
        let settings = first.redis_settings();
        let addresses = servers.into_iter().map(|server| server.addr().clone());
        let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
            .set_client_to_redis_protocol(ProtocolVersion::RESP3)
            .set_client_to_redis_db(settings.db());
        if let Some(user) = settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(password) = &self.sentinel_password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        self.tls.sentinel(builder, &first)?.build()
    }
}

/// Makes an error of redis-rs that of the setting.
fn unusable(error: RedisError) -> SettingError {
    let problem = format_args!("must be Redis URLs such as redis://127.0.0.1:6379/0: {error}");
    SettingError::new(OWNER, "urls", problem).with_source(error)
}
