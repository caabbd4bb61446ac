//! A call for several requests at once.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use scrimp_core::extensions::ItemAnswers;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Taken;
use crate::exchange::Ticket;

/// A call for several requests. It ends as long after its beginning as the slowest live call did.
#[derive(Debug)]
pub(super) struct Together {
    parts: Vec<Part>,
    begun: Instant,
    /// Time that the slowest live call took, of those that have ended.
    longest: Duration,
    rest: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum Part {
    Awaited(Taken, Instant),
    Here(Option<Response<Bytes>>),
}

// === impl Together ===

impl Together {
    pub(super) fn new<'a>(tickets: impl Iterator<Item = Option<&'a Ticket>>, now: Instant) -> Self {
        let part = |ticket: Option<&Ticket>| {
            let taken = ticket.and_then(|ticket| Some((ticket.take()?, ticket.begun)));
            match taken {
                Some((exchange, begun)) => Part::Awaited(Taken(Some(exchange)), begun),
                None => Part::Here(None),
            }
        };
        Self {
            parts: tickets.map(part).collect(),
            begun: now,
            longest: Duration::ZERO,
            rest: None,
        }
    }

    /// Reports whether no live response fits.
    pub(super) fn is_unanswered(&self) -> bool {
        let is_missing = |part: &Part| matches!(part, Part::Here(None));
        self.parts.iter().all(is_missing)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<()>> {
        let mut is_here = true;
        for part in &mut self.parts {
            let Part::Awaited(Taken(Some(exchange)), begun) = part else {
                continue;
            };
            let Poll::Ready(whole) = exchange.poll_whole(cx) else {
                is_here = false;
                continue;
            };
            let ended = exchange.ended().unwrap_or_else(Instant::now);
            self.longest = self.longest.max(ended - *begun);
            // A batch without an answer to one of its requests is answered all the same.
            *part = Part::Here(whole.ok());
        }
        if !is_here {
            return Poll::Pending;
        }
        let due = self.begun + self.longest;
        let rest = self.rest.get_or_insert_with(|| Box::pin(sleep_until(due)));
        ready!(rest.as_mut().poll(cx));
        let answers = self.parts.drain(..).map(|part| match part {
            Part::Here(answer) => answer,
            Part::Awaited(..) => None,
        });
        let answers: Arc<[_]> = answers.collect();
        let mut response = Response::new(());
        response.extensions_mut().insert(ItemAnswers(answers));
        Poll::Ready(response)
    }
}
