//! Handles a response once its head is there.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use scrimp_core::{CountedBody, extensions::Deadline};
use scrimp_http::media_type::is_stream;
use tokio::time::Instant;

use crate::{
    StampedeBody, ahead,
    common::Common,
    fingerprint::Asked,
    gate::{Outcome, Ticket},
    learn::Fill,
    seen::{From, Seen},
};

/// A call to the inner service in flight.
pub(crate) struct Call {
    pub(crate) common: Arc<Common>,
    pub(crate) asked: Asked,
    pub(crate) sent: Instant,
    /// True if the head came with the first poll.
    pub(crate) at_once: bool,
    /// Held if others may wait for the call.
    pub(crate) ticket: Option<Ticket>,
    /// The deadline of its caller, which may be earlier than that of others who wait.
    pub(crate) deadline: Option<Deadline>,
}

// === impl Call ===

impl Call {
    pub(crate) fn new(common: &Arc<Common>, asked: Asked) -> Self {
        Self {
            common: Arc::clone(common),
            asked,
            sent: common.shared.config.clock.instant(),
            at_once: false,
            ticket: None,
            deadline: None,
        }
    }

    /// Notes that a call did not come at once as expected. It goes to the upstream, and later
    /// requests wait for it.
    pub(crate) fn surprised(&mut self) {
        if self.asked.fills
            && let Some(ticket) = self.common.shared.gate.take(self.asked.fingerprint)
        {
            self.common.shared.suspect(self.asked.fingerprint);
            self.ticket = Some(ticket);
        }
    }

    pub(crate) fn failed(&mut self) {
        self.release(Outcome::Alone);
    }

    fn release(&mut self, outcome: Outcome) {
        if let Some(ticket) = &mut self.ticket {
            ticket.end(outcome);
        }
    }
}

/// Learns from a head. Releases the waiters, or has the body read for them.
pub(crate) fn settle<B>(
    mut call: Call,
    response: Response<CountedBody<B>>,
) -> Response<StampedeBody<B>>
where
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    let (seen, status) = (Seen::read(&response), response.status());
    let shared = &call.common.shared;
    let fingerprint = call.asked.fingerprint;
    let streams = is_stream(response.headers());
    if streams && seen.from == From::Fill {
        // Nothing is known of it until it is stored, which may never be.
        call.release(Outcome::Alone);
        return response.map(StampedeBody::passing);
    }
    if seen.from == From::Fill && call.ticket.is_some() {
        // Not before the body has come in.
    } else if call.asked.fills {
        shared.learn(fingerprint, &seen, status, call.at_once);
    } else if matches!(seen.from, From::Hit) {
        // Partial and conditional responses can show hits, and nothing else.
        shared.learn_hit(fingerprint, &seen, call.at_once);
    }
    let fill = Fill {
        shared: Arc::clone(shared),
        fingerprint,
        seen,
        sent: call.sent,
        head: shared.config.clock.instant(),
    };
    match seen.from {
        From::Fill if !call.asked.fills => {}
        From::Fill if response.body().is_end_stream() => {
            fill.done();
            call.release(Outcome::Stored);
        }
        From::Fill => return read_ahead(call, fill, response),
        From::Hit | From::Stale => call.release(Outcome::Stored),
        From::Pass | From::Unknown => call.release(Outcome::Alone),
    }
    response.map(StampedeBody::passing)
}

/// Starts a task that reads the body of a fill, so that a slow client does not delay the others.
fn read_ahead<B>(
    mut call: Call,
    fill: Fill,
    response: Response<CountedBody<B>>,
) -> Response<StampedeBody<B>>
where
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    let Some(ticket) = call.ticket.take() else {
        return response.map(StampedeBody::passing);
    };
    if tokio::runtime::Handle::try_current().is_err() {
        // Only the client could read it. Each waiter fills the key itself.
        return response.map(StampedeBody::passing);
    }
    let common = call.common;
    response.map(|body| {
        let limit = common.shared.config.read_ahead;
        let (ahead, body) = ahead::read_ahead(body, limit, fill, ticket);
        if let Some(ahead) = ahead.started() {
            common.tasks.start("stampede.read", ahead.run());
        }
        StampedeBody::ahead(body)
    })
}
