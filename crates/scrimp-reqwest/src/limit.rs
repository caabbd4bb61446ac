//! A caller's own time limit, around a whole stack.

use std::{mem, time::Duration};

use http::{Extensions, Request, Uri};
use scrimp_core::extensions::Deadline;
use tokio::time::Instant;

/// Turns the time-out that reqwest keeps in a request's extensions into its [`Deadline`].
///
/// As a time-out it would apply to the call, which other callers may share, and not to the wait of
/// this caller.
pub(crate) fn set_deadline(extensions: &mut Extensions) {
    if extensions.is_empty() {
        return;
    }
    // The type of reqwest's own extension has no public name.
    let mut carrier = Request::new(reqwest::Body::default());
    *carrier.uri_mut() = Uri::from_static("http://localhost/");
    carrier.extensions_mut().clone_from(extensions);
    let Ok(mut carrier) = reqwest::Request::try_from(carrier) else {
        return;
    };
    let Some(limit) = carrier.timeout_mut().take() else {
        return;
    };
    if let Ok(mut carrier) = Request::<reqwest::Body>::try_from(carrier) {
        *extensions = mem::take(carrier.extensions_mut());
        set(extensions, limit);
    }
}

/// Sets the deadline of a request that is made now, unless it has an earlier one.
fn set(extensions: &mut Extensions, limit: Duration) {
    let Some(until) = Instant::now().checked_add(limit) else {
        return;
    };
    let known = extensions.get::<Deadline>();
    let until = known.map_or(until, |known| until.min(known.0));
    extensions.insert(Deadline(until));
}

/// Returns the time that is left for a request's call. `None` without a deadline.
pub(crate) fn left(extensions: &Extensions) -> Option<Duration> {
    let Deadline(until) = extensions.get()?;
    Some(until.saturating_duration_since(Instant::now()))
}
