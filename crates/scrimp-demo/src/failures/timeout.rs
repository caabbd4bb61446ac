//! A batch endpoint that does not respond.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::Response;
use http_body::Body;
use http_body_util::Full;
use scrimp_batch::{BatchLayer, BatchWindow, RestJson, SettingError};
use tokio::time::sleep;
use tower::{ServiceBuilder, service_fn};
use tower_service::Service;

use super::asked;
use crate::{
    crowd::{Answer, Ask, ask, get},
    error::Result,
    outcome::{Line, Scenario},
    prices::{CALL, Till},
    value::{Goal, Value},
};

const CALLERS: u64 = 20;
/// Duration of one request, and of a batch.
const TAKES: Duration = Duration::from_millis(100);
const HANGS: Duration = Duration::from_secs(60);
/// Time after which the layer gives up on a batch: its default.
const LIMIT: Duration = Duration::from_secs(5);

pub(crate) async fn run() -> Result<Scenario> {
    let till = Till::default();
    let api = {
        let till = till.clone();
        service_fn(move |request| answer(till.clone(), request))
    };
    let patient = batched(HANGS * 2)?;
    let without = all(ServiceBuilder::new().layer(patient).service(api.clone())).await;
    let before = till.taken().calls;
    let with = all(ServiceBuilder::new().layer(batched(LIMIT)?).service(api)).await;
    let calls = till.taken().calls - before;
    let slowest = |answers: &[Answer]| {
        let longest = answers.iter().map(|answer| answer.waited).max();
        longest.unwrap_or_default()
    };
    let good = with.iter().filter(|answer| answer.is_good()).count() as u64;
    let count = Value::Count;
    Ok(Scenario::new(
        "batch time-out",
        "20 callers in a batch whose endpoint hangs for a minute, while single requests take 100 \
         ms. The layer gives up on a batch after 5 s and sends its requests one by one. Without: \
         the callers wait for the batch.",
    )
    .line(
        Line::time("slowest caller", slowest(&with))
            .without(Value::Time(slowest(&without)))
            .must(Goal::AtMost(Value::Time(LIMIT + TAKES * 5))),
    )
    .line(Line::count("callers with a good response", good).must(Goal::Exactly(count(CALLERS))))
    .line(
        Line::count("calls, including the lost batch", calls)
            .without(count(before))
            .must(Goal::Exactly(count(1 + CALLERS))),
    ))
}

fn batched(timeout: Duration) -> Result<BatchLayer<RestJson>, SettingError> {
    BatchLayer::builder(RestJson::new("/batch"))
        .window(BatchWindow::fixed(Duration::ZERO))
        .timeout(timeout)
        .build()
}

async fn all<S, B>(client: S) -> Vec<Answer>
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let calls = (0..CALLERS).map(|number| {
        let uri = format!("http://api.example/item/{number}");
        ask(client.clone(), get(&uri))
    });
    join_all(calls).await
}

async fn answer(till: Till, request: Ask) -> Result<Response<Full<Bytes>>, Infallible> {
    let charge = till.take(1, CALL);
    let (batch, path) = asked(request).await;
    let mut response = match batch {
        Some(batch) => {
            sleep(HANGS).await;
            super::answers(&batch, |_| http::StatusCode::OK)
        }
        None => {
            sleep(TAKES).await;
            Response::new(Full::from(format!("\"{path}\"")))
        }
    };
    response.extensions_mut().insert(charge);
    Ok(response)
}
