//! Calls of their own, for requests without a caller.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header::CONTENT_TYPE};
use scrimp_core::{BoxError, Problem};
use scrimp_http::{retry_after::retry_after, status::is_passing};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::calls;
use crate::{
    engine::Backoff,
    queue::{DueRequest, StoredAnswer},
    shared::{Busy, Core},
};

/// Calls a request until it has an answer that is not a passing failure, or its deadline is there.
pub(super) async fn call(core: &Arc<Core>, request: DueRequest) {
    let _busy = Busy::new(core);
    core.counters.due.increment();
    let until = core.instant(request.deadline);
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    let response = loop {
        let answer = timeout_at(until, once(core, &request)).await;
        let wait = match answer {
            // The deadline has passed.
            Err(_) => break None,
            Ok(Ok(response)) if !is_passing(response.status()) => break Some(response),
            Ok(Ok(response)) => retry_after(response.headers(), core.config.clock.wall()),
            Ok(Err(_)) => None,
        };
        let again = Instant::now() + backoff.pause(wait);
        if again >= until {
            // The last answer would come too late, and so would the next.
            sleep_until(until).await;
            break None;
        }
        sleep_until(again).await;
    };
    let is_answer = response.is_some();
    let response = response.unwrap_or_else(|| {
        core.counters.timed_out.increment();
        Problem::deadline("jobs").response()
    });
    let answer = stored(core, &response);
    if is_answer {
        core.config
            .books
            .paid(&request.payer, &request.group, &answer);
    }
    persist!(core, core.queue().settle(request.id, answer.clone()));
    core.submissions_changed();
}

async fn once(core: &Core, request: &DueRequest) -> Result<Response<Bytes>, BoxError> {
    let _place = core.calls.acquire().await;
    let mut call = Request::new(request.body.clone());
    *call.method_mut() = Method::POST;
    *call.uri_mut() = match request.target.parse::<http::Uri>() {
        Ok(uri) => uri,
        Err(error) => return Err(BoxError::from(error)),
    };
    let json = HeaderValue::from_static("application/json");
    call.headers_mut().insert(CONTENT_TYPE, json);
    core.counters.calls.increment();
    let began = Instant::now();
    let result = calls::own(core, &request.account, call).await;
    match &result {
        Ok(response) if !is_passing(response.status()) => {
            core.learned.lock().call_ended(began.elapsed());
        }
        _ => core.counters.failed.increment(),
    }
    result
}

fn stored(core: &Core, response: &Response<Bytes>) -> StoredAnswer {
    let kind = response.headers().get(CONTENT_TYPE);
    StoredAnswer {
        status: response.status(),
        content_type: kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned),
        body: response.body().clone(),
        at: core.now(),
        from_job: false,
    }
}
