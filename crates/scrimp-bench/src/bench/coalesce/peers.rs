//! The peers' ways to share one call.

use std::{collections::HashMap, convert::Infallible, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt, future::Shared};
use parking_lot::Mutex;
use tower::{Layer, ServiceExt, service_fn};

use super::ways::{Make, OURS, Upstream, Way, way};

/// Returns all ways.
pub(super) fn all() -> impl Iterator<Item = Make> {
    let peers: [Make; 6] = [
        shared_map,
        uniflight,
        singleflight_async,
        async_singleflight,
        resilience,
        moka,
    ];
    OURS.into_iter().chain(peers)
}

/// Shares calls by hand: a map of shared futures.
fn shared_map(upstream: &Upstream) -> Way {
    type Flights = Arc<Mutex<HashMap<String, Shared<Pin<Box<dyn Future<Output = Bytes> + Send>>>>>>;
    let (own, flights) = (upstream.clone(), Flights::default());
    way("map of Shared", upstream, move |key| {
        let (own, flights) = (own.clone(), Arc::clone(&flights));
        async move {
            let flight = {
                let mut map = flights.lock();
                let make = || own.fetch().boxed().shared();
                map.entry(key.clone()).or_insert_with(make).clone()
            };
            let body = flight.clone().await;
            let mut map = flights.lock();
            if map.get(&key).is_some_and(|known| known.ptr_eq(&flight)) {
                map.remove(&key);
            }
            body
        }
    })
}

fn uniflight(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let merger = Arc::new(uniflight::Merger::<String, Bytes>::new());
    way("uniflight 0.8", upstream, move |key| {
        let (own, merger) = (own.clone(), Arc::clone(&merger));
        async move {
            let body = merger.execute(key.as_str(), || own.fetch()).await;
            body.expect("nothing panics here")
        }
    })
}

fn singleflight_async(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let flights = Arc::new(singleflight_async::SingleFlight::<String, Bytes>::new());
    way("singleflight-async 0.2", upstream, move |key| {
        let (own, flights) = (own.clone(), Arc::clone(&flights));
        async move { flights.work(key, || own.fetch()).await }
    })
}

fn async_singleflight(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let group = Arc::new(async_singleflight::UnaryGroup::<String, Bytes>::new());
    way("async_singleflight 0.6", upstream, move |key| {
        let (own, group) = (own.clone(), Arc::clone(&group));
        async move { group.work(&key, own.fetch()).await }
    })
}

fn resilience(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let layer = tower_resilience_coalesce::CoalesceLayer::new(|key: &String| key.clone());
    let service = layer.layer(service_fn(move |_: String| {
        let own = own.clone();
        async move { Ok::<_, Infallible>(own.fetch().await) }
    }));
    way("tower-resilience 0.14", upstream, move |key| {
        let call = service.clone().oneshot(key);
        async move { call.await.unwrap_or_default() }
    })
}

/// Stores its results, unlike the others: its map grows with unique keys.
fn moka(upstream: &Upstream) -> Way {
    let own = upstream.clone();
    let cache = moka::future::Cache::<String, Bytes>::new(10_000);
    way("moka get_with", upstream, move |key| {
        let (own, cache) = (own.clone(), cache.clone());
        async move { cache.get_with(key, own.fetch()).await }
    })
}
