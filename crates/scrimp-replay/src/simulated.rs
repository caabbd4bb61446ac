//! Virtual time, and the requests of a log.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderValue, Request, header::USER_AGENT};
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
    let mut request = Request::builder()
        .method(entry.method.as_str())
        .uri(format!("http://{host}{}", entry.target))
        .extension(Logged {
            status: entry.status,
            bytes: entry.bytes,
            latency: entry.latency,
        });
    // Rules may read it. An agent that cannot be sent now was not sent then.
    if let Ok(agent) = HeaderValue::from_str(&entry.user_agent)
        && !agent.is_empty()
    {
        request = request.header(USER_AGENT, agent);
    }
    // Methods and targets were checked when the line was read.
    let request = request.body(B::default());
    request.map_err(|error| Error::new(format!("cannot request {}: {error}", entry.target)))
}
