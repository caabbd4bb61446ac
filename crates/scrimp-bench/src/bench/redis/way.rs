//! The ways to get a body that is in Redis, or was.

mod floor;

use std::{
    fmt::Debug,
    iter::repeat_with,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hitbox::policy::PolicyConfig;
use hitbox_http::{
    extractors::{Method as MethodOf, path::PathExtractor, query::QueryExtractor},
    predicates::{request::Method, response::StatusCode},
};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use redis::{
    AsyncConnectionConfig, Value, aio::ConnectionManagerConfig, aio::MultiplexedConnection,
    caching::CacheConfig, cmd,
};
use scrimp_cache::{CacheLayer, Codec, Compression, EncryptionKeys, MemoryStore, Tiered};
use scrimp_redis::{RedisClient, RedisStore};
use tower::{Layer, Service, ServiceExt};

/// A way to get the body. Each call is boxed, with the bare GET as with the others.
pub(super) trait Way: Send {
    /// Makes this many requests, outside the measurement: a server has them from its connection.
    fn prepare(&mut self, count: usize);

    /// Takes the next request, and returns the length of the body.
    fn get(&mut self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>>;
    fn fork(&self) -> Box<dyn Way>;
}

/// A way, with its name and the number of requests that have reached its origin.
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) way: Box<dyn Way>,
    pub(super) reached: Arc<AtomicU64>,
}

/// The origin: one document.
#[derive(Clone)]
struct Page {
    body: Bytes,
    calls: Arc<AtomicU64>,
}

/// A GET by redis-rs.
#[derive(Clone)]
struct Get(MultiplexedConnection, String);

/// A cache, and requests for it.
struct Http<S> {
    cache: S,
    requests: Vec<Request<Empty<Bytes>>>,
}

/// Returns the floors, and scrimp as it is. The first one is what the others are compared with.
pub(super) async fn few(url: &str, body: &Bytes) -> anyhow::Result<Vec<Named>> {
    let mut ways = floors(url, body).await?;
    ways.push(scrimp(url, body, "scrimp", Codec::new())?);
    for way in &mut ways {
        warm(way).await;
    }
    Ok(ways)
}

/// Returns a GET, the cheapest response that can be made of it, and a GET with a hit in memory behind it: what
/// answers of HTTP take beside the bytes, wherever these come from.
async fn floors(url: &str, body: &Bytes) -> anyhow::Result<Vec<Named>> {
    let connection = connect(url, None).await?;
    let get = get(connection, body).await?;
    let response = named(
        "redis-rs GET, as a response",
        Box::new(floor::Plain::new(get.clone())),
    );
    let memory = CacheLayer::new(MemoryStore::new(64 << 20));
    let hit = cached("redis-rs GET, then a hit in memory", body, |page| {
        floor::After::new(get.clone(), memory.layer(page))
    });
    Ok(vec![named("redis-rs GET", Box::new(get)), response, hit])
}

/// Returns the ways, with their values stored. The first one is what the others are compared with.
pub(super) async fn all(url: &str, body: &Bytes) -> anyhow::Result<Vec<Named>> {
    let mut ways = floors(url, body).await?;
    for (name, codec) in [
        ("scrimp", Codec::new()),
        (
            "scrimp, compressed",
            Codec::new().compression(Compression::Fast),
        ),
        (
            "scrimp, encrypted",
            Codec::new().encryption(EncryptionKeys::new(1, [7; 32])),
        ),
    ] {
        ways.push(scrimp(url, body, name, codec)?);
    }
    let manager = redis::Client::open(url)?
        .get_connection_manager_with_config(
            ConnectionManagerConfig::new().set_response_timeout(Some(LONG)),
        )
        .await?;
    let backend = tower_http_cache::backend::redis::RedisBackend::new(manager)
        .with_namespace(format!("thc-{}", body.len()));
    let layer = tower_http_cache::prelude::CacheLayer::builder(backend)
        .ttl(HOUR)
        .build();
    ways.push(cached("tower-http-cache", body, |page| {
        Http::new(layer.layer(page))
    }));
    ways.push(hitbox(url, body)?);
    // These two have a copy in memory.
    let connection = connect(url, Some(CacheConfig::new())).await?;
    let get = Box::new(get(connection, body).await?);
    ways.push(named("redis-rs GET, client-side cache", get));
    let below = store(url, "below", body, Codec::new())?;
    let tiers = Tiered::new(MemoryStore::new(64 << 20), below);
    ways.push(cached("scrimp, memory above", body, |page| {
        Http::new(CacheLayer::new(tiers).layer(page))
    }));
    for way in &mut ways {
        warm(way).await;
    }
    Ok(ways)
}

const HOUR: Duration = Duration::from_secs(3600);

/// Limit of time that a busy machine does not reach.
const LONG: Duration = Duration::from_secs(5);

/// Returns a way that has no origin.
fn named(name: &'static str, way: Box<dyn Way>) -> Named {
    let reached = Arc::default();
    Named { name, way, reached }
}

/// Returns a way through a cache above an origin.
fn cached<W: Way + 'static>(
    name: &'static str,
    body: &Bytes,
    cache: impl FnOnce(Page) -> W,
) -> Named {
    let page = Page {
        body: body.clone(),
        calls: Arc::default(),
    };
    let reached = Arc::clone(&page.calls);
    let way = Box::new(cache(page));
    Named { name, way, reached }
}

async fn connect(url: &str, cache: Option<CacheConfig>) -> anyhow::Result<MultiplexedConnection> {
    let mut config = AsyncConnectionConfig::new().set_response_timeout(Some(LONG));
    let mut url = url.to_owned();
    if let Some(cache) = cache {
        config = config.set_cache_config(cache);
        url.push_str("?protocol=resp3");
    }
    let client = redis::Client::open(url)?;
    let opened = client.get_multiplexed_async_connection_with_config(&config);
    Ok(opened.await?)
}

async fn get(mut connection: MultiplexedConnection, body: &Bytes) -> anyhow::Result<Get> {
    let key = format!("bare:{}", body.len());
    let mut command = cmd("SET");
    command.arg(&key).arg(&body[..]);
    command.query_async::<()>(&mut connection).await?;
    Ok(Get(connection, key))
}

fn scrimp(url: &str, body: &Bytes, name: &'static str, codec: Codec) -> anyhow::Result<Named> {
    let store = store(url, name, body, codec)?;
    let layer = CacheLayer::builder(store).store_timeout(2 * LONG).build()?;
    Ok(cached(name, body, |page| Http::new(layer.layer(page))))
}

fn store(url: &str, name: &str, body: &Bytes, codec: Codec) -> anyhow::Result<RedisStore> {
    let client = RedisClient::builder([url]).command_timeout(LONG).build()?;
    let store = RedisStore::builder(&client)
        .prefix(format!("{name}-{}", body.len()))
        .codec(codec);
    Ok(store.build()?)
}

fn hitbox(url: &str, body: &Bytes) -> anyhow::Result<Named> {
    let backend = hitbox_redis::RedisBackend::builder()
        .connection(hitbox_redis::ConnectionMode::single(url))
        .value_format(hitbox_backend::format::BincodeFormat)
        .label(format!("hitbox-{}", body.len()))
        .build()?;
    let config = hitbox::Config::builder()
        .request_predicate(Method::new(http::Method::GET).expect("GET is a method"))
        .response_predicate(StatusCode::new(http::StatusCode::OK))
        .extractor(MethodOf::new().path("/products").query("page".to_owned()))
        .policy(PolicyConfig::builder().ttl(HOUR).build())
        .build();
    let layer = hitbox_tower::Cache::builder()
        .backend(backend)
        .config(config)
        .build();
    Ok(cached("hitbox-tower, bincode", body, |page| {
        Http::new(layer.layer(page))
    }))
}

/// Sends requests until one does not reach the origin.
async fn warm(named: &mut Named) {
    loop {
        let before = named.reached.load(Relaxed);
        named.way.prepare(1);
        named.way.get().await;
        if named.reached.load(Relaxed) == before {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Reads a response, and returns the length of its body.
async fn read<R: Body<Data = Bytes, Error: Debug>>(response: Response<R>) -> usize {
    let mut body = pin!(response.into_body());
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.expect("a whole body").into_data();
        length += data.map_or(0, |data| data.len());
    }
    length
}

// === impl Page ===

impl<B> Service<Request<B>> for Page {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        self.calls.fetch_add(1, Relaxed);
        let response = Response::builder()
            .header("cache-control", "max-age=3600")
            .header("content-type", "application/json")
            .header("server", "origin")
            .header("vary", "accept-encoding")
            .body(Full::new(self.body.clone()));
        std::future::ready(Ok(response.expect("the fields are valid")))
    }
}

// === impl Get ===

impl Get {
    /// Returns the value, in the memory that redis-rs has put it in.
    async fn value(&mut self) -> Bytes {
        let mut command = cmd("GET");
        command.arg(&self.1);
        let reply = self.0.send_packed_command(&command).await;
        match reply.expect("the server runs") {
            Value::BulkString(bytes) => bytes.into(),
            other => panic!("not a value: {other:?}"),
        }
    }
}

impl Way for Get {
    fn prepare(&mut self, _: usize) {
        // Writing the command is a part of a GET, as of a hit.
    }

    fn get(&mut self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async { self.value().await.len() })
    }

    fn fork(&self) -> Box<dyn Way> {
        Box::new(self.clone())
    }
}

// === impl Http ===

impl<S> Http<S> {
    fn new(cache: S) -> Self {
        let requests = Vec::new();
        Self { cache, requests }
    }
}

impl<S, R> Way for Http<S>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Debug,
    S::Future: Send,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Debug,
{
    fn prepare(&mut self, count: usize) {
        let request = || {
            Request::get("http://origin.example/products?page=1")
                .header("accept-encoding", "gzip")
                .body(Empty::default())
                .expect("the request is valid")
        };
        self.requests.extend(repeat_with(request).take(count));
    }

    fn get(&mut self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async move {
            let request = self.requests.pop().expect("one was prepared");
            let cache = self.cache.ready().await.expect("ready");
            let response = cache.call(request).await.expect("a response");
            read(response).await
        })
    }

    fn fork(&self) -> Box<dyn Way> {
        Box::new(Self::new(self.cache.clone()))
    }
}
