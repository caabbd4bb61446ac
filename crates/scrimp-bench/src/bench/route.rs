//! Cost of choosing a provider: the decision by itself, and a call through the router beside a
//! direct one and tower's balancers.

use std::{convert::Infallible, hint::black_box, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use scrimp_core::{Currency, Money};
use scrimp_cost_route::{
    CostRouteLayer, CostRouteLayerBuilder, Provider, Tariff,
    engine::{Ask, Barred, Outcome, Prior, Router, RouterConfig},
};
use tokio::time::Instant;
use tower::{
    Layer, Service,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, Constant, PeakEwma},
};

use crate::{
    call::Calls,
    poll,
    report::Report,
    subject::Subject,
    timing::{self, Part},
};

const BENCH: &str = "route";
const PROVIDERS: usize = 8;

type Body = Full<Bytes>;

/// Decisions in sequence, each for a call that ends before the next.
struct Decisions {
    router: Router,
    costs: Vec<Money>,
    now: Instant,
    count: usize,
}

pub(crate) fn run(rounds: usize, report: &mut Report) {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    let mut decisions = [8, 64, 256].map(Decisions::new);
    let mut subjects: Vec<&mut dyn Subject> = Vec::new();
    for decision in &mut decisions {
        subjects.push(decision);
    }
    let medians = timing::medians(&mut subjects, rounds, Part::Whole, &|| {});
    for (count, nanoseconds) in ["8 providers", "64 providers", "256 providers"]
        .iter()
        .zip(medians)
    {
        report.add(
            BENCH,
            format!("decision, {count}"),
            "time",
            nanoseconds,
            "ns",
        );
    }
    calls(rounds, report);
}

fn calls(rounds: usize, report: &mut Report) {
    let mut direct = Calls::new(Client, 0, request);
    let mut scrimp = Calls::new(router().build().unwrap().layer(Client), 0, request);
    let mut once = Calls::new(
        router().attempts(1).build().unwrap().layer(Client),
        0,
        request,
    );
    let mut p2c = Calls::new(balanced(|client| Constant::new(client, 1_u32)), 0, request);
    let mut ewma = Calls::new(
        balanced(|client| {
            PeakEwma::new(
                client,
                Duration::from_millis(50),
                10e9,
                CompleteOnResponse::default(),
            )
        }),
        0,
        request,
    );
    let names = [
        "direct call",
        "scrimp, 8 providers",
        "scrimp, 1 attempt",
        "tower p2c, constant load, 8",
        "tower p2c, PeakEwma, 8",
    ];
    let mut subjects: Vec<&mut dyn Subject> =
        vec![&mut direct, &mut scrimp, &mut once, &mut p2c, &mut ewma];
    let medians = timing::medians(&mut subjects, rounds, Part::Whole, &|| {});
    report.add(BENCH, names[0], "time", medians[0], "ns");
    for (name, nanoseconds) in names.iter().zip(&medians).skip(1) {
        report.add(BENCH, *name, "time", *nanoseconds, "ns");
        report.add(BENCH, *name, "added", nanoseconds - medians[0], "ns");
    }
}

/// A client that responds at once.
#[derive(Clone)]
struct Client;

impl<B> Service<Request<B>> for Client {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        black_box(request.uri());
        std::future::ready(Ok(Response::new(Full::from("fine"))))
    }
}

fn request(_: usize) -> Request<Body> {
    Request::get("http://api.example.com/things?x=1")
        .body(Full::default())
        .expect("a valid request")
}

fn router() -> CostRouteLayerBuilder {
    CostRouteLayer::builder((0..PROVIDERS).map(|n| {
        let price = mill() * (n as u64 + 1);
        Provider::new(format!("provider-{n}"))
            .endpoint(format!("http://api-{n}.example.com"))
            .price(Tariff::new(Currency::USD).per_request(price))
    }))
}

/// Returns a tenth of a cent.
const fn mill() -> Money {
    Money::from_pico(1_000_000_000, Currency::USD)
}

/// Makes tower's balancer. It is not `Clone` and must be driven, so it is called in place.
fn balanced<S>(load: impl Fn(Client) -> S) -> Balance<ServiceList<Vec<S>>, Request<Body>>
where
    S: Service<Request<Body>> + tower::load::Load,
    S::Metric: std::fmt::Debug,
    S::Error: Into<tower::BoxError>,
{
    let list: Vec<S> = (0..PROVIDERS).map(|_| load(Client)).collect();
    Balance::new(ServiceList::new(list))
}

// === impl Decisions ===

impl Decisions {
    fn new(providers: usize) -> Self {
        let now = Instant::now();
        let mut router =
            Router::new(RouterConfig::default(), now).expect("defaults in their ranges");
        for n in 0..providers {
            router.add(Prior {
                first_byte: Duration::from_millis(500),
                latency: Duration::from_millis(1_000 + 10 * n as u64),
                reliability: 0.99,
                quality: 0.9,
            });
        }
        Self {
            router,
            costs: (1..=providers).map(|n| mill() * n as u64).collect(),
            now,
            count: 0,
        }
    }
}

impl Subject for Decisions {
    fn prepare(&mut self, count: usize) {
        self.count = count;
    }

    fn exchange(&mut self) {
        let ask = Ask {
            replayable: true,
            ..Ask::default()
        };
        for _ in 0..std::mem::take(&mut self.count) {
            self.now += Duration::from_millis(1);
            let cost = |index: usize| Some(self.costs[index]);
            let choice = self.router.choose(self.now, &ask, &Barred::default(), cost);
            let index = choice.expect("a provider is available").index;
            let ticket = self.router.started(self.now, index);
            self.router.ended(
                self.now + Duration::from_millis(500),
                ticket,
                Outcome::Succeeded,
            );
        }
    }
}
