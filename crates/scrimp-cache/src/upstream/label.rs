//! Cache-Status for responses from the upstream.

use http::{HeaderMap, Response};

use crate::{
    cache_status::Report,
    entry::{CACHE_STATUS, is_collapsed},
    shared::Shared,
};

/// Appends a line to Cache-Status: the cache nearest to the client is last (RFC 9211 §2).
pub(super) fn label<St>(shared: &Shared<St>, headers: &mut HeaderMap, report: Report) {
    headers.append(CACHE_STATUS, report.value(&shared.config.name, None));
}

/// Labels a response to a miss, and counts it.
pub(super) fn label_miss<St, B>(shared: &Shared<St>, response: &mut Response<B>, report: Report) {
    shared.counters.misses.increment();
    let collapsed = is_collapsed(response);
    let report = Report {
        collapsed,
        ..report
    };
    shared.config.strip_tags(response.headers_mut());
    label(shared, response.headers_mut(), report);
}
