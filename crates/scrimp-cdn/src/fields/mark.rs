//! The choice of responses that get fields, and of the fields.

use std::{collections::HashSet, time::Duration};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use scrimp_core::{
    PrivateRecheck,
    extensions::{CacheInfo, CacheState, CacheTags, Explain, Tags, TellTags},
    release_span,
};
use scrimp_http::{
    cache_control::{CDN_CACHE_CONTROL, ResponseControl, SURROGATE_CONTROL},
    cache_status::CacheVerdict,
    groups::{self, CACHE_TAG, SURROGATE_KEY},
    status::{is_heuristically_cacheable, is_passing, refuses_caller},
    vary,
};

use super::{
    cdn::{Cdn, MAX_KEYS, TagField},
    config::Config,
    lifetime::CdnLifetime,
    stats::Unmarked,
};
use crate::tag::keys;

/// Gives responses their fields.
#[derive(Debug)]
pub(super) struct Marker(Config);

/// Facts of a request that count for its response.
pub(super) struct Question {
    /// Reason that holds whatever the response says.
    refusal: Option<Unmarked>,
    has_credentials: bool,
    tags: Option<Tags>,
    recheck: PrivateRecheck,
    /// The request, for functions of the operator.
    request: Option<Request<()>>,
}

// === impl Marker ===

impl Marker {
    pub(super) fn new(config: Config) -> Self {
        Self(config)
    }

    /// Asks the cache inside for its verdict and its tags, as far as fields depend on that.
    pub(super) fn prepare<B>(&self, asked: &Question, request: &mut Request<B>) {
        if asked.refusal.is_some() {
            return;
        }
        let has_tags = self.0.has_tags();
        let extensions = request.extensions_mut();
        if has_tags || self.0.needs_verdict() {
            extensions.insert(Explain);
        }
        if has_tags {
            extensions.insert(TellTags);
        }
    }

    /// Reads the facts of a request that count.
    pub(super) fn ask<B>(&self, request: &Request<B>) -> Question {
        let headers = request.headers();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let private_if = &self.0.private_if;
        let refusal = match () {
            () if !reads => Some(Unmarked::Method),
            () if private_if.is_private(request.extensions(), headers) => Some(Unmarked::PrivateIf),
            () => None,
        };
        let wanted = refusal.is_none() && self.0.needs_request();
        Question {
            refusal,
            has_credentials: self.0.credentials.of(headers).next().is_some(),
            tags: request.extensions().get::<Tags>().cloned(),
            recheck: private_if.recheck(request),
            request: wanted.then(|| head_of(request)),
        }
    }

    /// Gives a response its fields, or returns the reason why it gets none.
    pub(super) fn mark<B>(
        &self,
        asked: &Question,
        response: &mut Response<B>,
    ) -> Result<(), Unmarked> {
        let control = permission(asked, response.headers())?;
        let head = asked.request.as_ref().map(|_| head_of_response(response));
        let functions = asked.request.as_ref().zip(head.as_ref());
        let keys = match self.keys(asked, functions, response) {
            Ok(keys) => keys,
            Err(reason) => {
                self.forbid(response.headers_mut());
                return Err(reason);
            }
        };
        let cached = response.extensions().get::<CacheInfo>();
        let lifetime = match control.targeted {
            true => None,
            false => self.lifetime(response.status(), functions, cached),
        };
        let stale = is_stale(response);
        let lifetime = match stale {
            true => Some(lifetime.unwrap_or(CdnLifetime::new(Duration::ZERO)).stale()),
            false => lifetime,
        };
        if keys.is_empty() && lifetime.is_none() {
            return Err(Unmarked::Nothing);
        }
        for cdn in &self.0.cdns {
            let headers = response.headers_mut();
            // The CDN's own field of the upstream stays, whatever it says.
            let lifetime =
                lifetime.filter(|_| stale || !headers.contains_key(cdn.lifetime_field()));
            write(*cdn, lifetime, &keys, headers);
        }
        Ok(())
    }

    fn lifetime(
        &self,
        status: StatusCode,
        functions: Option<(&Request<()>, &Response<()>)>,
        cached: Option<&CacheInfo>,
    ) -> Option<CdnLifetime> {
        if is_passing(status) || refuses_caller(status) {
            return None;
        }
        let own = self.0.lifetime_with.as_ref().zip(functions);
        let own = own.and_then(|(lifetime, (request, head))| lifetime(request, head));
        let cached = cached.filter(|_| self.0.lifetime_of_cache);
        let own = own.or_else(|| cached.and_then(CdnLifetime::in_cache));
        let is_good = is_heuristically_cacheable(status) && status.as_u16() < 400
            || status == StatusCode::NOT_MODIFIED;
        own.or(self.0.lifetime.filter(|_| is_good))
    }

    /// Returns the keys of a response, each once, or why a purge could not find all of them.
    fn keys<B>(
        &self,
        asked: &Question,
        functions: Option<(&Request<()>, &Response<()>)>,
        response: &Response<B>,
    ) -> Result<Vec<String>, Unmarked> {
        let mut found = Keys::default();
        if !self.0.has_tags() {
            return Ok(Vec::new());
        }
        let cached = response.extensions().get::<CacheTags>();
        if cached.is_some_and(|cached| !cached.complete) {
            return Err(Unmarked::ForgottenTags);
        }
        let extensions = [asked.tags.as_ref(), response.extensions().get::<Tags>()];
        for tag in extensions.into_iter().flatten().flat_map(|tags| &*tags.0) {
            found.add(tag);
        }
        for field in [SURROGATE_KEY, CACHE_TAG] {
            groups::tags(response.headers(), &field).for_each(|tag| found.add(tag));
        }
        for tag in cached.iter().flat_map(|cached| &*cached.tags) {
            found.add(tag);
        }
        if let Some((tags, (request, head))) = self.0.tags_with.as_ref().zip(functions) {
            tags(request, head).iter().for_each(|tag| found.add(tag));
        }
        found.finish().ok_or(Unmarked::TooManyTags)
    }

    /// Keeps a response out of the CDN.
    fn forbid(&self, headers: &mut HeaderMap) {
        for cdn in &self.0.cdns {
            let value = match cdn {
                Cdn::Nginx => "0",
                _ => "no-store, max-age=0",
            };
            headers.insert(cdn.lifetime_field(), HeaderValue::from_static(value));
            if let Some(field) = cdn.tag_field() {
                headers.remove(field.name);
            }
        }
    }
}

/// Returns what the response says to the CDN, or the reason why it must not be there.
fn permission(asked: &Question, headers: &HeaderMap) -> Result<ResponseControl, Unmarked> {
    if let Some(refusal) = asked.refusal {
        return Err(refusal);
    }
    let targeted = ResponseControl::targeted(headers, &[SURROGATE_CONTROL, CDN_CACHE_CONTROL]);
    let control = targeted.unwrap_or_else(|| ResponseControl::read(headers));
    let reason = match () {
        () if control.private => Unmarked::Private,
        () if control.no_store => Unmarked::NoStore,
        () if headers.contains_key(header::SET_COOKIE) => Unmarked::SetCookie,
        () if asked.has_credentials && !control.allows_credentials() => Unmarked::Credentials,
        () if vary::fields(headers.get_all(header::VARY)).is_none() => Unmarked::VaryAll,
        () if asked.recheck.is_private() => Unmarked::PrivateIf,
        () => return Ok(control),
    };
    Err(reason)
}

/// Reports whether a cache inside has answered with a stale response, such as one that was softly
/// invalidated. To the CDN it must not be fresh: it would keep it for the whole lifetime.
fn is_stale<B>(response: &Response<B>) -> bool {
    let own = response.extensions().get::<CacheInfo>();
    let verdict = || CacheVerdict::read(response.headers());
    own.is_some_and(|info| info.state == CacheState::Stale)
        || verdict().is_some_and(|verdict| verdict.hit == Some(true) && verdict.stale)
}

fn write(cdn: Cdn, lifetime: Option<CdnLifetime>, keys: &[String], headers: &mut HeaderMap) {
    if let Some(lifetime) = lifetime {
        let value = match cdn {
            Cdn::Nginx => lifetime.seconds(),
            _ => lifetime.directives(),
        };
        headers.insert(cdn.lifetime_field(), value);
    }
    if let Some(field) = cdn.tag_field().filter(|_| !keys.is_empty()) {
        headers.remove(&field.name);
        for line in lines(&field, keys) {
            let line = HeaderValue::try_from(line).expect("keys are visible ASCII");
            headers.append(&field.name, line);
        }
    }
}

/// Joins keys to lines that the field allows.
fn lines(field: &TagField, keys: &[String]) -> Vec<String> {
    let mut lines = vec![String::new()];
    for key in keys {
        let line = lines.last_mut().expect("the first line is there");
        if line.is_empty() {
            line.push_str(key);
        } else if line.len() + 1 + key.len() <= field.max_line {
            line.push(field.separator);
            line.push_str(key);
        } else {
            lines.push(key.clone());
        }
    }
    lines
}

/// The keys of a response.
#[derive(Default)]
struct Keys {
    list: Vec<String>,
    seen: HashSet<String>,
    bytes: usize,
}

// === impl Keys ===

impl Keys {
    fn add(&mut self, tag: &str) {
        for key in keys(tag) {
            // What is too long together is not kept: a response may carry any number of tags.
            if self.bytes <= MAX_KEYS && !self.seen.contains(&key) {
                self.bytes += key.len() + usize::from(self.bytes > 0);
                self.seen.insert(key.clone());
                self.list.push(key);
            }
        }
    }

    fn finish(self) -> Option<Vec<String>> {
        (self.bytes <= MAX_KEYS).then_some(self.list)
    }
}

fn head_of<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    head.headers_mut().clone_from(request.headers());
    head.extensions_mut().clone_from(request.extensions());
    release_span(head.extensions_mut());
    head
}

fn head_of_response<B>(response: &Response<B>) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = response.status();
    *head.version_mut() = response.version();
    head.headers_mut().clone_from(response.headers());
    head.extensions_mut().clone_from(response.extensions());
    head
}
