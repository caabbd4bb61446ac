//! A batch with some failing items.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use parking_lot::Mutex;
use scrimp_batch::{BatchLayer, BatchWindow, RestJson};
use tokio::time::sleep;
use tower::{ServiceBuilder, service_fn};
use tower_service::Service;

use super::{answers, asked};
use crate::{
    crowd::{Ask, ask, get},
    error::Result,
    outcome::{Line, Scenario},
    prices::{CALL, Till},
    value::{Goal, Value},
};

const TAKES: Duration = Duration::from_millis(100);

/// An API with items that fail once.
#[derive(Debug, Clone)]
struct Api {
    failing: Arc<Mutex<Vec<&'static str>>>,
    till: Till,
}

/// Responses of the callers, and the number of calls.
#[derive(Debug, Clone, Copy)]
struct Came {
    good: u64,
    /// Responses that belong to another request.
    mixed_up: u64,
    calls: u64,
}

pub(crate) async fn run() -> Result<Scenario> {
    let few = ["/item/3", "/item/11"];
    let (without, with) = (alone(20, &few).await, batched(20, &few).await?);
    let many = ["/item/2", "/item/4"];
    let (bare, partly) = (alone(5, &many).await, batched(5, &many).await?);
    let count = Value::Count;
    Ok(Scenario::new(
        "partial batch failure",
        "20 callers, with two items that fail temporarily (503): a tenth of the batch, so they are \
         retried alone. Then 5 callers, with two failing items: too many to retry, so each caller \
         receives its own response. Without: each sends its own request.",
    )
    .line(
        Line::count("good responses of 20", with.good)
            .without(count(without.good))
            .must(Goal::Exactly(count(20))),
    )
    .line(
        Line::count("calls for the 20", with.calls)
            .without(count(without.calls))
            .must(Goal::Exactly(count(3))),
    )
    .line(
        Line::count("good responses of 5", partly.good)
            .without(count(bare.good))
            .must(Goal::Exactly(count(3))),
    )
    .line(
        Line::count("calls for the 5", partly.calls)
            .without(count(bare.calls))
            .must(Goal::Exactly(count(1))),
    )
    .line(
        Line::count(
            "responses of another request",
            with.mixed_up + partly.mixed_up,
        )
        .must(Goal::Exactly(count(0))),
    ))
}

/// Sends each request on its own.
async fn alone(callers: usize, failing: &[&'static str]) -> Came {
    let api = Api::new(failing);
    let client = service_fn({
        let api = api.clone();
        move |request| api.clone().answer(request)
    });
    all(client, callers, &api.till).await
}

async fn batched(callers: usize, failing: &[&'static str]) -> Result<Came> {
    let api = Api::new(failing);
    let layer = BatchLayer::builder(RestJson::new("/batch"))
        .window(BatchWindow::fixed(Duration::ZERO))
        .build()?;
    let client = ServiceBuilder::new().layer(layer).service({
        let api = api.clone();
        service_fn(move |request| api.clone().answer(request))
    });
    Ok(all(client, callers, &api.till).await)
}

async fn all<S, B>(client: S, callers: usize, till: &Till) -> Came
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let calls = (1..=callers).map(|number| {
        let (client, path) = (client.clone(), format!("/item/{number}"));
        async move {
            let answer = ask(client, get(&format!("http://api.example{path}"))).await;
            let text = answer.body.clone().unwrap_or_default();
            let own = String::from_utf8_lossy(&text).contains(&format!("{path}\""));
            (answer.is_good(), own)
        }
    });
    let answers = join_all(calls).await;
    let count = |which: fn(&(bool, bool)) -> bool| {
        answers.iter().filter(|answer| which(answer)).count() as u64
    };
    Came {
        good: count(|(good, _)| *good),
        mixed_up: count(|(good, own)| *good && !own),
        calls: till.taken().calls,
    }
}

// === impl Api ===

impl Api {
    fn new(failing: &[&'static str]) -> Self {
        Self {
            failing: Arc::new(Mutex::new(failing.to_vec())),
            till: Till::default(),
        }
    }

    async fn answer(self, request: Ask) -> Result<Response<Full<Bytes>>, Infallible> {
        let charge = self.till.take(1, CALL);
        sleep(TAKES).await;
        let (batch, path) = asked(request).await;
        let mut response = match batch {
            Some(batch) => answers(&batch, |url| self.status(url)),
            None => {
                let mut one = Response::new(Full::from(format!("\"{path}\"")));
                *one.status_mut() = self.status(&path);
                one
            }
        };
        response.extensions_mut().insert(charge);
        Ok(response)
    }

    /// Fails the first request for each failing item only.
    fn status(&self, url: &str) -> StatusCode {
        let mut failing = self.failing.lock();
        match failing.iter().position(|path| *path == url) {
            Some(at) => {
                failing.swap_remove(at);
                StatusCode::SERVICE_UNAVAILABLE
            }
            None => StatusCode::OK,
        }
    }
}
