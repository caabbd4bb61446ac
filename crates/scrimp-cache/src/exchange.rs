//! A call to the upstream, and what its answer means for what is stored.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, header};
use http_body::Body;
use scrimp_core::{
    Money,
    extensions::{CacheInfo, CacheState, Charge},
};

use crate::{
    CacheBody,
    cache_status::{Forward, Report},
    config::Shared,
    fetch::Fetch,
    invalidate::{
        epoch::{Hit, Tag},
        invalidated_groups, target_tag, uri_tag,
    },
    key,
    lookup::Wanted,
    store::{CACHE_STATUS, Store},
};

/// What the cache has to do with a request, as far as the request alone tells.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost every hit an allocation"
)]
pub(crate) enum Plan {
    /// Nothing.
    Pass(Report),
    /// It may change what is stored.
    Unsafe,
    /// It may be answered from store.
    Lookup(Wanted),
}

/// A call to the upstream under way.
pub(crate) struct Exchange<St> {
    shared: Arc<Shared<St>>,
    duty: Duty,
    explain: bool,
}

/// What is to be done with the answer.
enum Duty {
    Pass(Report),
    Unsafe(Box<Target>),
    Fetch(Box<Fetch>),
}

/// Where an unsafe request went.
struct Target {
    tag: Tag,
    authority: Box<str>,
    path: Box<str>,
}

// === impl Exchange ===

impl<St: Store> Exchange<St> {
    pub(crate) fn pass(shared: &Arc<Shared<St>>, report: Report, explain: bool) -> Self {
        Self::new(shared, Duty::Pass(report), explain)
    }

    pub(crate) fn fetch(shared: &Arc<Shared<St>>, fetch: Fetch) -> Self {
        let explain = fetch.explain;
        Self::new(shared, Duty::Fetch(Box::new(fetch)), explain)
    }

    pub(crate) fn unsafe_method<B>(
        shared: &Arc<Shared<St>>,
        request: &Request<B>,
        explain: bool,
    ) -> Self {
        let target = Target {
            tag: target_tag(request.uri(), request.headers()),
            authority: key::authority(request.uri(), request.headers()).into(),
            path: request.uri().path().into(),
        };
        Self::new(shared, Duty::Unsafe(Box::new(target)), explain)
    }

    fn new(shared: &Arc<Shared<St>>, duty: Duty, explain: bool) -> Self {
        Self {
            shared: Arc::clone(shared),
            duty,
            explain,
        }
    }

    /// How long to wait before a stale response is served instead.
    pub(crate) fn soft_timeout(&self) -> Option<Duration> {
        match &self.duty {
            Duty::Fetch(fetch) => fetch.soft_timeout,
            Duty::Pass(_) | Duty::Unsafe(_) => None,
        }
    }

    /// The stale response, if there still is one that may be served.
    pub(crate) fn stand_in_for_slow<B>(&self) -> Option<Response<CacheBody<B>>> {
        match &self.duty {
            Duty::Fetch(fetch) => fetch.stand_in_for_slow(&self.shared),
            Duty::Pass(_) | Duty::Unsafe(_) => None,
        }
    }

    /// Takes the upstream's answer, or its failure.
    pub(crate) fn finish<B, E>(
        self,
        result: Result<Response<B>, E>,
    ) -> Result<Response<CacheBody<B>>, E>
    where
        B: Body<Data = Bytes>,
    {
        let report = match self.duty {
            Duty::Fetch(fetch) => return fetch.finish(&self.shared, result),
            Duty::Pass(report) => report,
            Duty::Unsafe(target) => {
                if let Ok(response) = &result {
                    target.invalidate(&self.shared, response);
                }
                Report::forwarded(Forward::Method)
            }
        };
        let mut response = result?;
        self.shared.counters.bypassed.add();
        book(&self.shared, &response, "", "(pass)");
        label(&self.shared, response.headers_mut(), report);
        if self.explain {
            let info = CacheInfo::new(CacheState::Bypass);
            response.extensions_mut().insert(info);
        }
        Ok(response.map(CacheBody::passing))
    }
}

/// Appends a line to Cache-Status: the cache nearest to the client comes last (RFC 9211 §2).
pub(crate) fn label<St>(shared: &Shared<St>, headers: &mut HeaderMap, report: Report) {
    headers.append(CACHE_STATUS, report.value(&shared.config.name, None));
}

/// Books a call that reached the upstream.
pub(crate) fn book<St, B>(shared: &Shared<St>, response: &Response<B>, tenant: &str, route: &str) {
    if let Some(ledger) = &shared.config.ledger {
        let charge = charge(shared, response);
        ledger
            .account("cache", tenant, route, charge.currency())
            .made(charge);
    }
}

/// What a call cost: what the upstream says, or the price it was set to.
pub(crate) fn charge<St, B>(shared: &Shared<St>, response: &Response<B>) -> Money {
    response
        .extensions()
        .get::<Charge>()
        .map_or(shared.config.price, |charge| charge.0)
}

// === impl Target ===

impl Target {
    /// Invalidates what a successful unsafe request may have changed: its target, and what
    /// Location and Content-Location name on the same origin (RFC 9111 §4.4).
    fn invalidate<St, B>(&self, shared: &Shared<St>, response: &Response<B>) {
        if !(response.status().is_success() || response.status().is_redirection()) {
            return;
        }
        let mut tags = vec![self.tag];
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            let value = response.headers().get(name);
            tags.extend(value.and_then(|value| self.resolve(value.to_str().ok()?)));
        }
        tags.extend(invalidated_groups(&self.authority, response.headers()));
        shared.epochs.append(Hit::Tags(tags), false);
    }

    /// The tag of a reference, if it stays on this origin.
    fn resolve(&self, reference: &str) -> Option<Tag> {
        let reference = reference.split('#').next().unwrap_or_default();
        let path = if reference.starts_with("//") || reference.contains("://") {
            let absolute = match reference.strip_prefix("//") {
                Some(rest) => format!("http://{rest}"),
                None => reference.to_owned(),
            };
            let uri: Uri = absolute.parse().ok()?;
            let authority = key::authority(&uri, &HeaderMap::new()).to_owned();
            if !authority.eq_ignore_ascii_case(&self.authority) {
                return None;
            }
            uri.path_and_query()?.to_string()
        } else if reference.starts_with('/') {
            normalise_dots(reference)
        } else {
            // Relative to the folder of the target (RFC 3986 §5.2.3).
            let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            match reference {
                "" => return None,
                query if query.starts_with('?') => format!("{}{query}", self.path),
                relative => normalise_dots(&format!("{folder}/{relative}")),
            }
        };
        Some(uri_tag(&self.authority, &path))
    }
}

/// Takes `.` and `..` out of a path (RFC 3986 §5.2.4).
fn normalise_dots(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut folder = false;
    for segment in path.split('/').skip(1) {
        folder = matches!(segment, "." | ".." | "");
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    if folder && segments.last() != Some(&"") {
        segments.push("");
    }
    let mut target = format!("/{}", segments.join("/"));
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_on_their_own_origin_and_nowhere_else() {
        let target = Target {
            tag: Tag(0),
            authority: "a.example".into(),
            path: "/items/7".into(),
        };
        let cases = [
            ("/x?y=1", "/x?y=1"),
            ("8", "/items/8"),
            ("../z", "/z"),
            ("./", "/items/"),
            ("?q", "/items/7?q"),
            ("http://A.example/x#part", "/x"),
            ("//a.example/y", "/y"),
        ];
        for (reference, path) in cases {
            let expected = Some(uri_tag("a.example", path));
            assert_eq!(target.resolve(reference), expected, "{reference}");
        }
        for foreign in ["http://b.example/x", "//b.example/x", "", "http://"] {
            assert_eq!(target.resolve(foreign), None, "{foreign}");
        }
    }
}
