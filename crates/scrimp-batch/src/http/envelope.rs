//! The request for a batch, and its time limit.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header::HOST};
use scrimp_core::extensions::{BodyDigest, Repeatable, WholeBody};
use scrimp_http::{coding::ask_for_identity, trace_fields::is_trace_field};
use tokio::time::Instant;

use super::{
    Common,
    combine::combine,
    job::{Job, first},
};
use crate::{BatchCodec, codec::Item};

/// Returns the codec's request, completed with the fields that all its items have in common;
/// `None` if the items can only be sent one by one.
pub(crate) fn envelope<C: BatchCodec, B, E>(
    common: &Common<C>,
    jobs: &[Job<B, E>],
) -> Option<Request<Bytes>> {
    let items: Vec<&Item> = jobs.iter().map(Job::item).collect();
    let first = &first(jobs).item().head;
    let mut request = common.codec.encode(&items)?;
    if request.uri().authority().is_none() {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = first.uri.scheme().cloned();
        parts.authority = first.uri.authority().cloned();
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
    }
    let credentials = &common.config.credentials;
    for name in first.headers.keys() {
        let shared = *name == HOST || credentials.contains(name) || is_trace_field(name);
        if shared && !request.headers().contains_key(name) {
            for value in first.headers.get_all(name) {
                request.headers_mut().append(name, value.clone());
            }
        }
    }
    ask_for_identity(request.headers_mut());
    *request.extensions_mut() = first.extensions.clone();
    // The body of the first item is not that of the envelope.
    request.extensions_mut().remove::<BodyDigest>();
    request.extensions_mut().remove::<WholeBody>();
    combine(request.extensions_mut(), jobs);
    // Inner layers see a POST, and cannot know that it may be repeated.
    if items.iter().all(|item| item.admission.replayable) {
        request.extensions_mut().insert(Repeatable);
    } else {
        request.extensions_mut().remove::<Repeatable>();
    }
    Some(request)
}

/// Returns the time limit of a batch: at most `most`, and so that the first deadline leaves time
/// for one more call.
///
/// A request that must not be sent again has this call only. The limit is then the last deadline
/// of such requests: the haste of another caller must not cost them their answer.
pub(crate) fn time_limit<B, E>(most: Duration, jobs: &[Job<B, E>], one_call: Duration) -> Duration {
    let mut once = jobs
        .iter()
        .filter(|job| !job.item().admission.replayable)
        .map(|job| job.deadline)
        .peekable();
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    if once.peek().is_some() {
        let last = once.try_fold(Duration::ZERO, |last, own| Some(last.max(left(own?))));
        return last.map_or(most, |last| most.min(last));
    }
    let Some(deadline) = jobs.iter().filter_map(|job| job.deadline).min() else {
        return most;
    };
    let left = left(deadline);
    // If there is no time for a second call, the first may use all of it.
    let spare = left.checked_sub(one_call).filter(|spare| *spare > one_call);
    most.min(spare.unwrap_or(left))
}
