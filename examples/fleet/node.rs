//! A gateway of the fleet.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use scrimp::{
    cache::{CacheLayer, MemoryStore, Tiered},
    core::BoxError,
    cost_route::{Budget, Cap, CostRouteLayer, Period, Provider},
    redis::{RedisAllowance, RedisClient, RedisFillLock, RedisLog, RedisStore},
    stampede::StampedeLayer,
};
use scrimp_gateway::Gateway;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tower::Layer;

/// Wait for Redis. The defaults are 40 to 100 ms, which is right for a server and too short for a
/// program that has to show the same on any busy machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// Time in which Redis must be there.
const START: Duration = Duration::from_secs(10);

/// Time for which one gateway may fill a key, unless it goes on and says so.
const LEASE: Duration = Duration::from_secs(10);

/// Price of a call of the upstream, and what all gateways may spend.
pub(crate) const PRICE: &str = "0.01";
pub(crate) const BUDGET: &str = "1";

/// A gateway on a port of its own, with what operators need on another.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) log: RedisLog,
    /// The cache, which may still be putting a response into Redis when it has answered.
    pub(crate) cache: CacheLayer<Tiered<MemoryStore, RedisStore>>,
    _servers: JoinSet<()>,
}

// === impl Node ===

impl Node {
    /// Starts a gateway. Those with the same `name` are a fleet.
    pub(crate) async fn start(
        redis: &str,
        name: &str,
        upstream: SocketAddr,
    ) -> Result<Self, BoxError> {
        let client = RedisClient::builder([redis])
            .command_timeout(PATIENCE)
            .build()?;
        let log = RedisLog::builder(&client).name(name).build()?;
        let shared = RedisStore::builder(&client)
            .prefix(name)
            .shared_log(log.shared())
            .build()?;
        let store = Tiered::builder(MemoryStore::new(64 << 20), shared)
            .hard_timeout(PATIENCE)
            .build()?;
        let cache = CacheLayer::builder(store)
            .rule("path=/products/{id} tag=product:{id}")
            .store_timeout(PATIENCE)
            .build()?;
        let stampede = StampedeLayer::builder()
            .lock(RedisFillLock::with_prefix(&client, name), LEASE)
            .build()?;
        let admin = cache.admin(|_| true); // its port is open to this machine only
        let allowance = RedisAllowance::builder(&client).prefix(name).build()?;
        let cap = Cap::new("the fleet", BUDGET, Period::Forever);
        let spending = CostRouteLayer::builder([Provider::new("shop").price(PRICE)])
            .budget(Budget::shared([cap], allowance))
            .build()?;
        let gateway = Gateway::builder(format!("http://{upstream}"))
            .cache(cache.clone())
            .around_upstream(spending)
            .build()?;

        let started = timeout(START, async {
            client.connected().await;
            log.caught_up().await;
        });
        let absent = |_| format!("{redis} does not answer as Redis 6 or later");
        started.await.map_err(absent)?;

        let mut servers = JoinSet::new();
        let app = Router::new().fallback_service(stampede.layer(gateway.router()));
        Ok(Self {
            address: serve(&mut servers, app).await?,
            admin: serve(&mut servers, Router::new().fallback_service(admin)).await?,
            log,
            cache,
            _servers: servers,
        })
    }
}

/// Serves an application on a free port of this machine, until the servers are dropped.
pub(crate) async fn serve(servers: &mut JoinSet<()>, app: Router) -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    servers.spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            eprintln!("error: a server ended: {error}");
        }
    });
    Ok(address)
}
