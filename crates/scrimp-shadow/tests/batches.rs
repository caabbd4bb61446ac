//! Batches in the shadow, beside the same batches in their place.

mod server;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_batch::{BatchLayer, BatchLayerBuilder, BatchWindow, JsonRpc, RestJson};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::{BodyDigestLayer, BoxError, Currency, Ledger, Money};
use scrimp_cost_route::{CostRouteLayer, Provider, Tariff};
use scrimp_shadow::{Recorded, ShadowLayer, ShadowStats};
use server::{Server, Visit, day, play, rush};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, layer::layer_fn, service_fn};

const PRICE: &str = "0.0005";

/// Calls that were made, and the money that was saved.
#[derive(Debug)]
struct Bill {
    calls: u64,
    saved: i128,
}

// === impl Bill ===

impl Bill {
    fn of(calls: u64, ledger: &Ledger) -> Self {
        let saved = ledger.saved().get(Currency::USD).pico();
        Self { calls, saved }
    }

    /// Requires that both say the same, within one in fifty.
    fn is_that_of(&self, real: &Self, requests: u64) {
        println!("{requests} requests: in its place {real:?}, in the shadow {self:?}");
        let [here, there] = [self, real].map(|bill| requests - bill.calls);
        assert!(there > requests / 10, "nothing to compare");
        assert!(here.abs_diff(there) * 50 <= there);
        assert!(self.saved.abs_diff(real.saved) * 50 <= real.saved.unsigned_abs());
    }
}

fn rest(
    window: impl Fn(BatchLayerBuilder<RestJson>) -> BatchLayerBuilder<RestJson>,
) -> (BatchLayer<RestJson>, Ledger) {
    let ledger = Ledger::new();
    let builder = BatchLayer::builder(RestJson::new("/batch")).price(PRICE);
    let layer = window(builder).ledger(ledger.clone()).build().unwrap();
    (layer, ledger)
}

fn shadow<L, B>(layer: L) -> ShadowLayer
where
    L: Layer<Recorded> + Send + 'static,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    <L::Service as Service<Request<Full<Bytes>>>>::Future: Send,
    <L::Service as Service<Request<Full<Bytes>>>>::Error: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    ShadowLayer::builder(layer)
        .max_requests(100_000)
        .build()
        .unwrap()
}

/// Returns the calls of a trial in which nothing was left out.
async fn calls(shadow: &ShadowLayer, live: u64, requests: usize) -> u64 {
    shadow.settled().await;
    let stats = shadow.stats();
    let ShadowStats {
        skipped,
        cut,
        unanswered,
        panicked,
        ..
    } = stats;
    assert_eq!([skipped, cut, unanswered, panicked], [0; 4]);
    assert_eq!(
        [live, stats.requests],
        [requests as u64; 2],
        "nothing is changed"
    );
    stats.calls
}

/// Compares batches of GETs, by these windows.
async fn compare(
    visits: &[Visit],
    window: impl Fn(BatchLayerBuilder<RestJson>) -> BatchLayerBuilder<RestJson>,
) {
    let requests = visits.len() as u64;
    let (layer, ledger) = rest(&window);
    let server = Server::default();
    play(visits, layer.layer(server.clone())).await;
    let real = Bill::of(server.calls(), &ledger);

    let (tried, ledger) = rest(window);
    let (trial, server) = (shadow(tried.clone()), Server::default());
    play(visits, trial.layer(server.clone())).await;
    let bill = Bill::of(calls(&trial, server.calls(), visits.len()).await, &ledger);
    bill.is_that_of(&real, requests);
    assert_eq!(tried.stats().calls, bill.calls);
    assert!(tried.stats().batches > 50, "{:?}", tried.stats());
    assert_eq!(tried.stats().missing, 0);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_window_saves_what_its_shadow_showed() {
    let window = BatchWindow::fixed(Duration::from_millis(50));
    compare(&rush(8_000), |layer| layer.window(window)).await;
}

#[tokio::test(start_paused = true)]
async fn a_window_while_calls_are_in_flight_saves_what_its_shadow_showed() {
    compare(&rush(8_000), |layer| layer).await;
}

#[tokio::test(start_paused = true)]
async fn an_economic_window_saves_what_its_shadow_showed() {
    compare(&rush(8_000), |layer| layer.price_of_waiting("0.005")).await;
}

#[tokio::test(start_paused = true)]
async fn few_calls_at_once_save_what_their_shadow_showed() {
    compare(&rush(8_000), |layer| layer.max_items(7).concurrency(2)).await;
}

#[tokio::test(start_paused = true)]
async fn batches_save_what_their_shadow_showed_on_a_servers_log() {
    let Some(visits) = day() else {
        println!("not run: the log is not there");
        return;
    };
    let window = BatchWindow::fixed(Duration::from_secs(2));
    compare(&visits, |layer| layer.window(window)).await;
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_kept_make_batches_of_posts() {
    let visits: Vec<_> = rush(4_000).into_iter().map(Visit::rpc).collect();
    let rpc = || {
        let ledger = Ledger::new();
        let builder = BatchLayer::builder(JsonRpc::new().safe(|_| true)).price(PRICE);
        (builder.ledger(ledger.clone()).build().unwrap(), ledger)
    };
    let (layer, ledger) = rpc();
    let server = Server::default();
    play(&visits, layer.layer(server.clone())).await;
    let real = Bill::of(server.calls(), &ledger);

    let (tried, ledger) = rpc();
    let (trial, server) = (shadow(tried), Server::default());
    let bodies = BodyDigestLayer::new(64 << 10).keep_body();
    let layers = ServiceBuilder::new().layer(bodies).layer(trial.clone());
    play(&visits, layers.service(server.clone())).await;
    let bill = Bill::of(calls(&trial, server.calls(), visits.len()).await, &ledger);
    bill.is_that_of(&real, visits.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_cache_over_batches_stores_what_their_shadow_answers() {
    let visits = rush(8_000);
    let cache = || {
        let builder = CacheLayer::builder(MemoryStore::new(1 << 20));
        builder.rule("path=/** ttl=5s").build().unwrap()
    };
    let (layer, ledger) = rest(|layer| layer);
    let (real, server) = (cache(), Server::default());
    play(&visits, real.layer(layer.layer(server.clone()))).await;
    let there = Bill::of(server.calls(), &ledger);

    let (tried, server) = (cache(), Server::default());
    let (layer, ledger) = rest(|layer| layer);
    let layers = ServiceBuilder::new().layer(tried.clone()).layer(layer);
    let trial = shadow(layers.into_inner());
    play(&visits, trial.layer(server.clone())).await;
    let here = Bill::of(calls(&trial, server.calls(), visits.len()).await, &ledger);
    here.is_that_of(&there, visits.len() as u64);
    let [here, there] = [tried, real].map(|cache| cache.stats().hits);
    assert!(
        there > 500 && here.abs_diff(there) * 50 <= there,
        "{here} and {there}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_live_call_that_fails_leaves_the_others_of_its_batch_their_answers() {
    let (tried, ledger) = rest(|layer| layer.window(BatchWindow::fixed(Duration::from_millis(50))));
    let trial = shadow(tried.clone());
    let live = service_fn(|request: Request<Full<Bytes>>| async move {
        match request.uri().path() {
            "/bad" => Err(BoxError::from("reset")),
            path => Ok(Response::new(Full::from(path.to_owned()))),
        }
    });
    let service = trial.layer(live);
    let calls = ["/a", "/bad", "/b"].map(|path| {
        let request = Request::get(format!("http://a.example{path}"));
        service
            .clone()
            .oneshot(request.body(Full::default()).unwrap())
    });
    let [first, failed, last] = join_all(calls).await.try_into().unwrap();
    assert!(failed.is_err());
    for response in [first, last] {
        response.unwrap().into_body().collect().await.unwrap();
    }
    trial.settled().await;
    // The layer would try the one without an answer again: a second call, to which nothing fits.
    let stats = trial.stats();
    assert_eq!((stats.calls, stats.unanswered), (2, 1));
    assert_eq!((tried.stats().batches, tried.stats().missing), (1, 1));
    assert_eq!(ledger.saved().to_string(), "$0.001");
}

#[tokio::test(start_paused = true)]
async fn a_batch_takes_as_long_as_its_slowest_request_from_its_own_beginning_on() {
    let (layer, _) = rest(|layer| layer.window(BatchWindow::fixed(Duration::from_millis(500))));
    let ends = Arc::new(Mutex::new(Vec::new()));
    let (seen, start) = (Arc::clone(&ends), Instant::now());
    let timed = layer_fn(
        move |inner: <BatchLayer<RestJson> as Layer<Recorded>>::Service| {
            let seen = Arc::clone(&seen);
            service_fn(move |request: Request<Full<Bytes>>| {
                let (inner, seen) = (inner.clone(), Arc::clone(&seen));
                async move {
                    let response = inner.oneshot(request).await;
                    seen.lock().push(start.elapsed().as_millis());
                    response
                }
            })
        },
    );
    let layers = ServiceBuilder::new().layer(timed).layer(layer);
    let trial = shadow(layers.into_inner());
    let service = trial.layer(service_fn(|request: Request<Full<Bytes>>| async move {
        let takes = match request.uri().path() {
            "/slow" => 700,
            _ => 30,
        };
        sleep(Duration::from_millis(takes)).await;
        Ok::<_, BoxError>(Response::new(Full::from("fine")))
    }));
    let call = |path: &str| {
        let request = Request::get(format!("http://a.example{path}"));
        service
            .clone()
            .oneshot(request.body(Full::default()).unwrap())
    };
    // Two that have ended before the window has, and later one that has not.
    for calls in [
        vec![call("/a"), call("/b")],
        vec![call("/c"), call("/slow")],
        vec![call("/alone")],
    ] {
        for response in join_all(calls).await {
            response.unwrap().into_body().collect().await.unwrap();
        }
        sleep(Duration::from_secs(2)).await;
    }
    let ends: Vec<_> = ends.lock().iter().map(|end| end / 10 * 10).collect();
    assert_eq!(ends, [530, 530, 3_230, 3_230, 5_260]);
}

#[tokio::test(start_paused = true)]
async fn a_router_within_batches_is_asked_once_for_each_batch() {
    let (tried, _) = rest(|layer| layer.window(BatchWindow::fixed(Duration::from_millis(50))));
    let ledger = Ledger::new();
    let provider = Provider::new("only")
        .price(Tariff::new(Currency::USD).per_request("0.01".parse::<Money>().unwrap()));
    let router = CostRouteLayer::builder([provider])
        .ledger(ledger.clone())
        .build()
        .unwrap();
    let layers = ServiceBuilder::new().layer(tried.clone()).layer(router);
    let (trial, server) = (shadow(layers.into_inner()), Server::default());
    let visits = rush(400);
    play(&visits, trial.layer(server.clone())).await;
    let made = calls(&trial, server.calls(), visits.len()).await;
    assert!(made < 200, "{made}");
    let spent = ledger.spent("cost-route").get(Currency::USD).pico();
    assert_eq!(spent, i128::from(made) * 10_000_000_000);
}
