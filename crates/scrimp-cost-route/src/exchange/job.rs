//! One request: its terms, and the providers tried for it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, header, request::Parts};
use http_body::Body;
use scrimp_core::extensions::{Deadline, Explain, Priority, Repeatable};
use scrimp_http::{body::announced_length, repeat};
use tokio::time::Instant;

use super::pick::Picked;
use crate::{
    Hints, Miss, RequestBody, TokenClass, Tried, Usage,
    config::Shared,
    engine::Ask,
    payer::Payer,
    profile::{Map, Profile},
    refuse::Refused,
};

/// Approximate bytes of a request per token, if the estimate does not state tokens.
const BYTES_PER_TOKEN: u64 = 4;

pub(crate) struct Job {
    pub(super) parts: Parts,
    pub(super) whole: Option<(Bytes, Option<HeaderMap>)>,
    pub(super) ask: Ask,
    pub(super) tags: Vec<Box<str>>,
    pub(super) payer: Payer,
    pub(super) route: Arc<str>,
    pub(super) usage: Usage,
    pub(super) tried: Vec<Tried>,
    pub(super) deadline: Option<Instant>,
    pub(super) explain: bool,
}

// === impl Job ===

impl Job {
    pub(crate) fn new(
        shared: &Shared,
        parts: Parts,
        whole: Option<(Bytes, Option<HeaderMap>)>,
    ) -> Result<Self, Refused> {
        let hints = parts.extensions.get::<Hints>().cloned().unwrap_or_default();
        let usage = usage(shared, &parts, whole.as_ref().map(|(data, _)| data), &hints);
        let empty = || Arc::clone(&shared.unnamed);
        let extensions = &parts.extensions;
        let rates = &shared.config.router.exchange;
        let filters = hints.filters.checked().map_err(Refused::Filters)?;
        let filters = shared.config.filters.and(filters, rates);
        let filters = filters.map_err(|missing| Refused::NoCandidate(missing.into()))?;
        Ok(Self {
            ask: Ask {
                priority: extensions.get::<Priority>().copied().unwrap_or_default(),
                replayable: whole.is_some() && may_repeat(&parts),
                filters,
                kind: kind(&usage, &hints.tags),
            },
            payer: Payer::of(extensions).unwrap_or_else(|| Payer::One(empty())),
            deadline: extensions.get().map(|Deadline(at)| *at),
            explain: shared.config.explain || extensions.get::<Explain>().is_some(),
            route: hints.route.unwrap_or_else(empty),
            tags: hints.tags,
            tried: Vec::new(),
            parts,
            whole,
            usage,
        })
    }

    /// Makes the request in the form that a provider needs.
    pub(crate) fn request<B: Body<Data = Bytes>>(
        &self,
        provider: &Profile,
        once: &mut Option<RequestBody<B>>,
    ) -> Result<Request<RequestBody<B>>, Refused> {
        let mut parts = self.parts.clone();
        provider.dress(&mut parts)?;
        let body = match &self.whole {
            Some((data, trailers)) => {
                let data = match &provider.map {
                    Some(map) => mapped(map, &mut parts, data)?,
                    None => data.clone(),
                };
                RequestBody::whole(data, trailers.clone())
            }
            // `may_follow` permits a second attempt only if the body is kept.
            None => once.take().expect("a body that is not kept is sent once"),
        };
        Ok(Request::from_parts(parts, body))
    }

    /// Picks the next provider after a miss, if another may be tried.
    pub(crate) fn next(
        &mut self,
        shared: &Arc<Shared>,
        provider: &Profile,
        miss: Miss,
    ) -> Option<Picked> {
        self.tried.push(Tried {
            provider: Arc::clone(&provider.name),
            miss,
        });
        let retries = &shared.config.retries;
        if !self.may_follow(shared, miss) || retries.left() == 0 {
            return None;
        }
        let picked = self.pick(shared).ok()?;
        // Another request may have taken the last retry meanwhile.
        if retries.withdraw() {
            Some(picked)
        } else {
            picked.unmake();
            None
        }
    }

    /// Reports whether another attempt may follow a miss of this kind.
    fn may_follow(&self, shared: &Shared, miss: Miss) -> bool {
        let late = self.deadline.is_some_and(|at| at <= Instant::now());
        let allowed = match miss {
            // The provider says that it did nothing, or the gate rejected the answer.
            Miss::Status(429) | Miss::Quality => self.whole.is_some(),
            _ => self.ask.replayable,
        };
        allowed && !late && self.tried.len() < shared.config.attempts
    }

    /// Reports whether the attempt under way is the last.
    pub(super) fn is_last(&self, shared: &Shared) -> bool {
        !self.ask.replayable || self.tried.len() + 1 >= shared.config.attempts
    }
}

fn mapped(map: &Map, parts: &mut Parts, data: &Bytes) -> Result<Bytes, Refused> {
    let data = (map.0)(parts, data.clone());
    if parts.headers.contains_key(header::CONTENT_LENGTH) {
        let length = data.len().into();
        let inserted = parts.headers.try_insert(header::CONTENT_LENGTH, length);
        inserted.map_err(|_| Refused::TooManyFields)?;
    }
    Ok(data)
}

/// Reports whether a request may be repeated: by its method or fields, or because a layer says so.
fn may_repeat(parts: &Parts) -> bool {
    repeat::may_repeat(&parts.method, &parts.headers)
        || parts.extensions.get::<Repeatable>().is_some()
}

fn usage(shared: &Shared, parts: &Parts, body: Option<&Bytes>, hints: &Hints) -> Usage {
    let announced = || announced_length(&parts.headers).unwrap_or(0);
    let length = body.map_or_else(announced, |data| data.len() as u64);
    let mut usage = match (&hints.usage, &shared.config.estimate) {
        (Some(usage), _) => *usage,
        (None, Some(estimate)) => estimate(parts, body.map_or(&[], |data| data)),
        (None, None) => Usage::default().with(TokenClass::Input, length.div_ceil(BYTES_PER_TOKEN)),
    };
    usage.bytes_in = length;
    usage
}

/// Sorts requests into kinds. Those of about the same size that ask for the same tags are alike:
/// prices grow with size, and so another provider may be best for larger ones.
fn kind(usage: &Usage, tags: &[Box<str>]) -> u64 {
    // Hints may hold any number.
    let prompt = usage.prompt().max(usage.bytes_in / BYTES_PER_TOKEN);
    let size = prompt.saturating_add(usage.completion());
    let mut kind = u64::from(size.checked_ilog2().unwrap_or(0));
    for byte in tags.iter().flat_map(|tag| tag.bytes()) {
        kind = (kind ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    kind
}
