//! Virtual time, and the requests of a log.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header::USER_AGENT};
use scrimp_core::Clock;
use tokio::runtime::{Builder, Runtime};

use crate::{
    error::{Error, Result},
    line::Entry,
    upstream::Logged,
};

/// Returns a clock with virtual time, from a time of the log on, in microseconds.
pub(crate) fn anchored(first: i64) -> Clock {
    Clock::anchored(UNIX_EPOCH + micros(first.unsigned_abs()))
}

/// Returns a runtime on this thread whose clock stands still while it works.
pub(crate) fn virtual_time() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| Error::io("cannot start the clock of the replay", error))
}

pub(crate) fn micros(number: u64) -> Duration {
    Duration::from_micros(number)
}

/// Returns the request for a line of the log, without a body: logs contain none.
pub(crate) fn request<B: Default>(entry: &Entry, default_host: &str) -> Result<Request<B>> {
    let host = if entry.host.is_empty() {
        default_host
    } else {
        &entry.host
    };
    let unfit = |error: &dyn fmt::Display| {
        // Methods and targets were checked when the line was read.
        Error::new(format!("cannot request {}: {error}", entry.target))
    };
    let method = Method::from_bytes(entry.method.as_bytes());
    let uri = ["http://", host, &entry.target].concat();
    let uri = Uri::from_maybe_shared(Bytes::from(uri));
    let mut request = Request::new(B::default());
    *request.method_mut() = method.map_err(|error| unfit(&error))?;
    *request.uri_mut() = uri.map_err(|error| unfit(&error))?;
    request.extensions_mut().insert(Logged {
        status: entry.status,
        bytes: entry.bytes,
        latency: entry.latency,
    });
    // Rules may read it. An agent that cannot be sent now was not sent then.
    if !entry.user_agent.is_empty()
        && let Ok(agent) = HeaderValue::from_str(&entry.user_agent)
    {
        request.headers_mut().insert(USER_AGENT, agent);
    }
    Ok(request)
}
