//! Streams that are read on after their caller has left, and the bounds of that.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use scrimp_core::{Currency, Ledger, Money, extensions::Settlement};
use scrimp_cost_route::{
    CostRoute, CostRouteLayer, CostRouteLayerBuilder, Provider, Rate, RequestBody, RouteBody,
    Tariff, TokenRates, Usage,
};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

const TEXT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"four words of text\"}}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":70}}\n\n";

/// Body of some events, after which it ends or is silent.
struct Events {
    events: Vec<&'static str>,
    is_silent: bool,
    /// Number of such bodies.
    open: Arc<AtomicUsize>,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.events.pop() {
            Some(event) => Poll::Ready(Some(Ok(Frame::data(event.into())))),
            None if self.is_silent => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

fn builder(bills_to_end: bool, ledger: &Ledger) -> CostRouteLayerBuilder {
    let rates = TokenRates::text(Rate::per("1", 1_000_000), Rate::per("10", 1_000_000));
    let provider = Provider::new("p")
        .endpoint("http://p")
        .price(Tariff::new(Currency::USD).tokens(rates))
        .bills_to_end(bills_to_end);
    CostRouteLayer::builder([provider])
        .ledger(ledger.clone())
        .estimate(|_, _| Usage::text(100, 0))
}

type Client = BoxCloneSyncService<Request<RequestBody<Full<Bytes>>>, Response<Events>, Infallible>;

/// Starts a layer over a provider whose streams have these events.
fn stage(
    layer: &CostRouteLayer,
    events: &[&'static str],
    is_silent: bool,
) -> (CostRoute<Client>, Arc<AtomicUsize>) {
    let open = Arc::new(AtomicUsize::new(0));
    let events: Vec<_> = events.iter().rev().copied().collect();
    let client = service_fn({
        let open = Arc::clone(&open);
        move |_: Request<RequestBody<Full<Bytes>>>| {
            open.fetch_add(1, Relaxed);
            let mut response = Response::new(Events {
                events: events.clone(),
                is_silent,
                open: Arc::clone(&open),
            });
            let kind = "text/event-stream".parse().unwrap();
            response.headers_mut().insert("content-type", kind);
            async { Ok(response) }
        }
    });
    (layer.layer(Client::new(client)), open)
}

/// Reads some events of an answer.
async fn read(service: &CostRoute<Client>, events: usize) -> Response<RouteBody<Events>> {
    let request = Request::post("/v1/chat/completions").body(Full::default());
    let mut response = service.clone().oneshot(request.unwrap()).await.unwrap();
    for _ in 0..events {
        response
            .body_mut()
            .frame()
            .await
            .expect("an event")
            .unwrap();
    }
    response
}

fn spent(ledger: &Ledger) -> Money {
    ledger.totals().spent.get(Currency::USD)
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_finished_is_read_to_its_usage() {
    let ledger = Ledger::new();
    let layer = builder(false, &ledger).build().unwrap();
    let (service, open) = stage(&layer, &[TEXT, FINISH, USAGE], false);
    let (head, body) = read(&service, 2).await.into_parts();
    drop(body);
    assert_eq!(spent(&ledger), Money::ZERO, "it is not known yet");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(spent(&ledger), "0.0008".parse().unwrap());
    assert_eq!(
        Settlement::cost(&head.extensions, Money::ZERO),
        spent(&ledger)
    );
    let stats = layer.stats();
    assert_eq!((stats.drained, stats.cancelled, stats.succeeded), (1, 1, 0));
    assert_eq!(open.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_told_its_usage_is_not_read_on() {
    let ledger = Ledger::new();
    let layer = builder(true, &ledger).build().unwrap();
    let (service, open) = stage(&layer, &[TEXT, FINISH, USAGE], true);
    drop(read(&service, 3).await);
    assert_eq!((layer.stats().drained, open.load(Relaxed)), (0, 0));
    assert_eq!(spent(&ledger), "0.0008".parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_goes_on_is_cut_where_its_rest_costs_more_than_knowing() {
    let ledger = Ledger::new();
    let layer = builder(false, &ledger).build().unwrap();
    let (service, open) = stage(&layer, &[TEXT, TEXT, FINISH, USAGE], false);
    drop(read(&service, 1).await);
    assert_eq!((layer.stats().drained, open.load(Relaxed)), (0, 0));
    let estimate = spent(&ledger);
    assert!(estimate > "0.0001".parse().unwrap() && estimate < "0.0002".parse().unwrap());
    // The same where it costs nothing, as the provider goes on anyway.
    let layer = builder(true, &ledger).build().unwrap();
    let (service, _) = stage(&layer, &[TEXT, TEXT, FINISH, USAGE], false);
    drop(read(&service, 1).await);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(layer.stats().drained, 1);
    let second = spent(&ledger).checked_add(-estimate).unwrap();
    assert_eq!(second, "0.0008".parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_left_after_two_minutes_and_its_rest_estimated() {
    let ledger = Ledger::new();
    let layer = builder(true, &ledger).build().unwrap();
    let (service, open) = stage(&layer, &[TEXT], true);
    drop(read(&service, 1).await);
    sleep(Duration::from_secs(119)).await;
    assert_eq!(open.load(Relaxed), 1);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(open.load(Relaxed), 0);
    let whole = spent(&ledger);
    assert!(whole > "0.001".parse().unwrap(), "{whole}: with a rest");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_sixty_four_streams_are_read_on_at_once() {
    let ledger = Ledger::new();
    let layer = builder(true, &ledger).build().unwrap();
    let (service, open) = stage(&layer, &[TEXT], true);
    for _ in 0..6_400 {
        drop(read(&service, 1).await);
    }
    assert_eq!(open.load(Relaxed), 64);
    sleep(Duration::from_secs(121)).await;
    assert_eq!(open.load(Relaxed), 0);
    assert_eq!(ledger.totals().calls_made, 6_400);
}

#[tokio::test(start_paused = true)]
async fn reading_on_ends_with_the_layer_and_what_was_seen_is_booked() {
    let ledger = Ledger::new();
    let layer = builder(true, &ledger).build().unwrap();
    let (service, open) = stage(&layer, &[TEXT], true);
    drop(read(&service, 1).await);
    assert_eq!(open.load(Relaxed), 1);
    drop((layer, service));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(open.load(Relaxed), 0);
    assert!(spent(&ledger) > Money::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_worth_of_nothing_reads_no_stream_on() {
    let ledger = Ledger::new();
    let layer = builder(true, &ledger).drain(0.0).build().unwrap();
    let (service, open) = stage(&layer, &[TEXT, FINISH, USAGE], false);
    drop(read(&service, 2).await);
    assert_eq!((layer.stats().drained, open.load(Relaxed)), (0, 0));
    for worth in [-0.1, 1_001.0, f64::NAN] {
        let error = builder(true, &ledger).drain(worth).build().unwrap_err();
        assert_eq!(error.setting(), "drain");
    }
}
