//! A duplicate request just after the response to the first one.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use scrimp_coalesce::{CoalesceLayer, ReuseWindow};
use tower::{ServiceBuilder, layer::util::Identity};
use tower_layer::Layer;
use tower_service::Service;

use super::{Api, clock};
use crate::{
    crowd::{Ask, Crowd, ask, get},
    error::Result,
    outcome::{Line, Scenario},
    prices::Till,
    value::{Goal, Value},
};

const TAKES: Duration = Duration::from_millis(100);
/// Times of the three requests, in milliseconds.
const COME: [u64; 3] = [0, 5, 105];

pub(crate) async fn run() -> Result<Scenario> {
    let shared = CoalesceLayer::builder().clock(clock()).build()?;
    let window = CoalesceLayer::builder()
        .clock(clock())
        .window(ReuseWindow::new().time(Duration::from_secs(30)))
        .build()?;
    let count = Value::Count;
    let nothing = three(Identity::new()).await;
    let scenario = Scenario::new(
        "late duplicate",
        "Three equal requests, at 0, 5 and 105 ms, for a response that takes 100 ms: the third \
         comes after the response to the first.",
    )
    .line(
        Line::count("calls, shared in flight", three(shared).await)
            .without(count(nothing))
            .must(Goal::Exactly(count(2))),
    )
    .line(
        Line::count("calls, with a reuse window of 30 s", three(window).await)
            .without(count(nothing))
            .must(Goal::Exactly(count(1))),
    );
    Ok(scenario)
}

async fn three<L, S, B>(layer: L) -> u64
where
    L: Layer<Api, Service = S>,
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let till = Till::default();
    let client = ServiceBuilder::new().layer(layer).service(Api {
        till: till.clone(),
        takes: TAKES,
    });
    let mut crowd = Crowd::new();
    for time in COME {
        crowd.until(Duration::from_millis(time)).await;
        crowd
            .begin(ask(client.clone(), get("http://api.example/quote")))
            .await;
    }
    crowd.finish().await;
    till.taken().calls
}
