//! Connections: to one server, to the primary that sentinels name, to a cluster.

use std::{io, sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::MultiplexedConnection,
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
    sentinel::SentinelClient,
};
use tokio::{sync::Mutex, time::timeout};

use super::channels::{Channel, Channels};

/// Kind of the error by which a server says that it does not know a command.
const UNKNOWN: ErrorKind = ErrorKind::Server(ServerErrorKind::ResponseError);

/// Commands that wait for their turn on a connection.
const QUEUE: usize = 1024;

/// Opens connections.
pub(crate) enum Topology {
    Single(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

/// A connection that all tasks share.
#[derive(Clone)]
pub(crate) struct Link {
    /// Number that tells connections apart.
    pub(crate) number: u64,
    kind: Kind,
    /// The server of the connection, where sentinels named it.
    pub(crate) primary: Option<Arc<str>>,
}

#[derive(Clone)]
enum Kind {
    Single(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

/// The server that a command goes to.
pub(crate) enum To<'a> {
    /// The one that holds a key.
    Key(&'a [u8]),
    /// A node of a cluster.
    Node(&'a (String, u16)),
    Any,
}

// === impl Topology ===

impl Topology {
    /// Returns a name for the endpoint, without credentials.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Single(client) => client.get_connection_info().addr().to_string(),
            Self::Sentinel(_) => "sentinel".to_owned(),
            Self::Cluster(_) => "cluster".to_owned(),
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Opens a connection and subscribes to the channels.
    pub(crate) async fn connect(
        &self,
        number: u64,
        command_timeout: Duration,
        channels: &Arc<Channels>,
    ) -> RedisResult<Link> {
        let (kind, primary) = match self {
            Self::Single(client) => (single(client, command_timeout, channels).await?, None),
            Self::Sentinel(sentinel) => {
                let client = sentinel.lock().await.async_get_client().await?;
                let primary = client.get_connection_info().addr().to_string();
                let kind = single(&client, command_timeout, channels).await?;
                (kind, Some(primary.into()))
            }
            Self::Cluster(client) => {
                let connection = client.get_async_connection().await?;
                (Kind::Cluster(Box::new(connection)), None)
            }
        };
        let mut link = Link {
            number,
            kind,
            primary,
        };
        for channel in channels.used() {
            link.subscribe(&channel).await?;
        }
        Ok(link)
    }

    /// Returns the server that the sentinels name now, if there are any.
    pub(crate) async fn primary(&self) -> Option<String> {
        let Self::Sentinel(sentinel) = self else {
            return None;
        };
        let client = sentinel.lock().await.async_get_client().await.ok()?;
        Some(client.get_connection_info().addr().to_string())
    }
}

async fn single(
    client: &Client,
    command_timeout: Duration,
    channels: &Arc<Channels>,
) -> RedisResult<Kind> {
    let heard = Arc::clone(channels);
    // The caller limits the time of connecting.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(Some(command_timeout))
        .set_pipeline_buffer_size(QUEUE)
        .set_push_sender(move |push| {
            heard.receive(&push);
            Ok::<_, std::convert::Infallible>(())
        });
    let opened = client.get_multiplexed_async_connection_with_config(&config);
    Ok(Kind::Single(opened.await?))
}

// === impl Link ===

impl Link {
    /// Sends a command, and returns its result. It may take the command.
    pub(crate) async fn send(
        &mut self,
        command: &mut Cmd,
        to: To<'_>,
        limit: Duration,
    ) -> RedisResult<Value> {
        let value = match &mut self.kind {
            Kind::Single(connection) => {
                connection.set_response_timeout(limit);
                connection.send_packed_command(command).await?
            }
            // Boxed, as all commands would need memory for it.
            Kind::Cluster(connection) => Box::pin(route(connection, command, to, limit)).await?,
        };
        value.extract_error()
    }

    /// Subscribes to a channel.
    pub(crate) async fn subscribe(&mut self, channel: &Channel) -> RedisResult<()> {
        let name = &channel.name[..];
        match &mut self.kind {
            Kind::Single(connection) => connection.subscribe(name).await,
            Kind::Cluster(connection) if channel.sharded => {
                match connection.ssubscribe(name).await {
                    // Redis before version 7 does not know the command. There, each node delivers
                    // all channels.
                    Err(error) if error.kind() == UNKNOWN => connection.subscribe(name).await,
                    result => result,
                }
            }
            Kind::Cluster(connection) => connection.subscribe(name).await,
        }
    }
}

/// Sends a command to a node of a cluster.
async fn route(
    connection: &mut ClusterConnection,
    command: &mut Cmd,
    to: To<'_>,
    limit: Duration,
) -> RedisResult<Value> {
    let command = std::mem::take(command);
    let to = RoutingInfo::SingleNode(match to {
        To::Key(key) => SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master)),
        To::Node((host, port)) => SingleNodeRoutingInfo::ByAddress {
            host: host.clone(),
            port: *port,
        },
        To::Any => SingleNodeRoutingInfo::RandomPrimary,
    });
    // It would try several nodes, each in the time of its own.
    let routed = timeout(limit, connection.route_command(command, to));
    let late = |_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
    routed.await.map_err(late)?
}
