//! An unsafe request: it invalidates, and its answer may be kept for later GETs.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use scrimp_core::extensions::{Tags, Tenant};
use tokio::time::Instant;

use crate::{
    cache_status::Forward,
    config::Shared,
    fetch::Fetch,
    invalidate::{
        epoch::{Epochs, Hit, Position, Tag},
        invalidated_groups, target_tag, uri_tag,
    },
    key,
    lookup::Wanted,
    policy::facts::{RequestFacts, retells},
    rule::Cookies,
};

/// An unsafe request under way.
pub(crate) struct Write {
    /// Method, URI, and what says whom it was for. The other fields are not copied for every
    /// write: an answer that depends on them is not kept.
    request: Request<()>,
    credentials: bool,
    cookie: bool,
    tenant: Option<Tenant>,
    tags: Option<Tags>,
    explain: bool,
    sent: Instant,
    born: Position,
    doubt: Doubt,
}

/// Whether a write took effect, until its answer tells.
///
/// If the caller leaves or the upstream breaks off before that, nobody knows. Then its
/// target counts as stale: it is validated before it is served again, and still at hand if
/// the upstream is down.
struct Doubt {
    epochs: Arc<Epochs>,
    own: Tag,
    settled: bool,
}

// === impl Doubt ===

impl Drop for Doubt {
    fn drop(&mut self) {
        if !self.settled {
            self.epochs.append(Hit::Tags(vec![self.own]), true);
        }
    }
}

// === impl Write ===

impl Write {
    pub(crate) fn new<St, B>(shared: &Shared<St>, request: &Request<B>, explain: bool) -> Self {
        let mut head = Request::new(());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        // As in a look-up: a name in front of the host makes the answer one user's.
        let mut credentials = key::has_userinfo(request.uri());
        let mut cookie = false;
        for (name, value) in request.headers() {
            if name == header::HOST || retells(name) {
                head.headers_mut().append(name.clone(), value.clone());
            }
            credentials |= shared.config.credentials.contains(name);
            cookie |= name == header::COOKIE;
        }
        Self {
            request: head,
            credentials,
            cookie,
            tenant: request.extensions().get::<Tenant>().cloned(),
            tags: request.extensions().get::<Tags>().cloned(),
            explain,
            sent: shared.config.clock.instant(),
            born: shared.epochs.now(),
            doubt: Doubt {
                epochs: Arc::clone(&shared.epochs),
                own: target_tag(request.uri(), request.headers()),
                settled: false,
            },
        }
    }

    /// Invalidates what the write may have changed, and says how its answer is kept, if it
    /// may be.
    pub(crate) fn finish<St, B>(
        mut self,
        shared: &Shared<St>,
        response: &Response<B>,
    ) -> Option<Fetch> {
        self.doubt.settled = true;
        if !(response.status().is_success() || response.status().is_redirection()) {
            return None;
        }
        let own = self.doubt.own;
        shared
            .epochs
            .append(Hit::Tags(self.touched(own, response.headers())), false);
        let after = shared.epochs.now();
        // Whatever else was invalidated since the call began, under whatever name, may be
        // about what this answer shows: then it is the older, and is not kept.
        if after.follows(self.born) && self.answers_get(own, response) {
            return self.into_fetch(shared, after);
        }
        None
    }

    /// The target, and what Location and Content-Location name on the same origin (RFC 9111
    /// §4.4), and the groups named (RFC 9875 §3).
    fn touched(&self, own: Tag, response: &HeaderMap) -> Vec<Tag> {
        let mut tags = vec![own];
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            tags.extend(
                response
                    .get(name)
                    .and_then(|value| self.resolve(value.to_str().ok()?)),
            );
        }
        tags.extend(invalidated_groups(self.authority(), response));
        tags
    }

    /// Whether the answer is what a GET would bring (RFC 9110 §9.3.3): a POST whose
    /// Content-Location is its own target, and nothing that depends on fields not kept.
    fn answers_get<B>(&self, own: Tag, response: &Response<B>) -> bool {
        let headers = response.headers();
        let location = headers
            .get(header::CONTENT_LOCATION)
            .and_then(|value| value.to_str().ok());
        self.request.method() == Method::POST
            && response.status() == StatusCode::OK
            && !headers.contains_key(header::VARY)
            && location.and_then(|location| self.resolve(location)) == Some(own)
            && !self.credentials
    }

    /// The GET whose answer this is.
    fn into_fetch<St>(self, shared: &Shared<St>, born: Position) -> Option<Fetch> {
        let mut request = self.request;
        *request.method_mut() = Method::GET;
        if let Some(tenant) = &self.tenant {
            request.extensions_mut().insert(tenant.clone());
        }
        if let Some(tags) = self.tags {
            request.extensions_mut().insert(tags);
        }
        let facts = RequestFacts::read(
            request.method(),
            request.headers(),
            &shared.config.credentials,
        );
        let rules = shared
            .config
            .rules
            .plan(&request, shared.config.default_cookies());
        let depends = rules
            .key
            .is_some_and(|key| !key.headers.is_empty() || !key.cookies.is_empty());
        let personal = self.cookie && rules.cookies == Cookies::Bypass;
        if rules.bypass || depends || personal || facts.ambiguous_host {
            return None;
        }
        let wanted = Wanted {
            key: key::build(&request, &facts, rules.key),
            facts,
            keyed_authorization: false,
            directive: None,
            soft_timeout: None,
            body_key: false,
            #[cfg(feature = "no-vary-search")]
            variance: None,
            #[cfg(feature = "no-vary-search")]
            whole_query: true,
            explain: self.explain,
        };
        let mut fetch = Fetch::new(shared, &request, &wanted, Forward::Method);
        fetch.sent = self.sent;
        fetch.born = born;
        fetch.explicit_only = true;
        Some(fetch)
    }

    fn authority(&self) -> &str {
        key::authority(self.request.uri(), self.request.headers())
    }

    /// The tag of a reference, if it stays on this origin.
    fn resolve(&self, reference: &str) -> Option<Tag> {
        let own = self.authority();
        let reference = reference.split('#').next().unwrap_or_default();
        let path = if reference.starts_with("//") || reference.contains("://") {
            let absolute = match reference.strip_prefix("//") {
                Some(rest) => format!("http://{rest}"),
                None => reference.to_owned(),
            };
            let uri: Uri = absolute.parse().ok()?;
            let authority = key::authority(&uri, &HeaderMap::new()).to_owned();
            if !authority.eq_ignore_ascii_case(own) {
                return None;
            }
            uri.path_and_query()?.to_string()
        } else if reference.starts_with('/') {
            normalise_dots(reference)
        } else {
            // Relative to the folder of the target (RFC 3986 §5.2.3).
            let folder = self
                .request
                .uri()
                .path()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            match reference {
                "" => return None,
                query if query.starts_with('?') => format!("{}{query}", self.request.uri().path()),
                relative => normalise_dots(&format!("{folder}/{relative}")),
            }
        };
        Some(uri_tag(own, &path))
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
    use crate::{MemoryStore, config::Config};

    #[test]
    fn references_are_resolved_on_their_own_origin_and_nowhere_else() {
        let shared = Shared::new(Config::new(), MemoryStore::new(1 << 20));
        let request = Request::post("http://a.example/items/7").body(()).unwrap();
        let target = Write::new(&shared, &request, false);
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
