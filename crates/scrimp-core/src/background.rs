//! Spans of work that may outlast the request that causes it.
//!
//! A span is open for as long as anything holds it. If such work were a part of its caller's span, a
//! response from memory would look as slow as the refresh behind it.

use http::Extensions;
use tracing::Span;

/// Target of these spans, for filters.
const TARGET: &str = "scrimp::background";

/// Returns a new [root span](root_span) for work that may outlast its caller. It follows from the current
/// span, which it does not hold.
#[must_use]
pub fn background_span(work: &'static str) -> Span {
    let span = root_span(work);
    span.follows_from(Span::current());
    span
}

/// Returns a new span for work that has no single caller, such as a batch. It has no parent.
///
/// It is named `background`, has the target `scrimp::background` and the level INFO. `work` is a field
/// of it, such as `cache.refresh`.
#[must_use]
pub fn root_span(work: &'static str) -> Span {
    tracing::info_span!(target: TARGET, parent: None, "background", work)
}

/// Removes from the extensions of a request what would hold its caller's span: a [`Span`] that an outer
/// layer has put there. Call it on a request whose call may outlast the caller.
pub fn release_span(extensions: &mut Extensions) {
    extensions.remove::<Span>();
}
