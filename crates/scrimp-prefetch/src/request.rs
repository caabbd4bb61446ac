//! The part of a request that the worker learns.

use std::{
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use http::{
    Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri, Version,
    header::{CACHE_CONTROL, HOST, SET_COOKIE},
};
use http_body::Body;
use scrimp_core::{
    KeyPart, PrivateIf,
    extensions::{CacheInfo, CacheState, Directive, Tenant},
};
use scrimp_http::{
    body::Presence, cache_control::ResponseControl, cache_status::CacheVerdict, credentials,
    own_call::needs_own_call, purpose, target::TargetUri,
};
use tokio::time::Instant;

use crate::{ItemId, config::Config, fetch::Fetch};

/// Longest path with query that is learned. Longer ones would fill the memory.
const LONGEST: usize = 2_048;

/// A request that was answered, as the worker learns it.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) session: u64,
    pub(crate) target: TargetId,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    /// Time at which it was asked.
    pub(crate) at: Instant,
    /// True if the response can come from a cache. `None`: it does not say.
    pub(crate) fetchable: Option<bool>,
    /// No cache has said so: it follows from the response.
    pub(crate) is_guess: bool,
    /// The caller waited for the upstream, as far as a cache says.
    pub(crate) waited: bool,
    /// Time for which a cache will have it fresh, if one says so.
    pub(crate) fresh_for: Option<Duration>,
    pub(crate) headers: HeaderMap,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) private_if: Option<PrivateIf>,
    pub(crate) inner: Arc<dyn Fetch>,
}

/// Identity of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TargetId {
    pub(crate) item: ItemId,
    /// The whole hash.
    pub(crate) hash: u64,
    /// Hash of tenant, scheme and authority.
    pub(crate) origin: u64,
}

/// Names sessions and targets by hashes with a secret key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(RandomState);

// === impl Names ===

impl Names {
    pub(crate) fn session(
        &self,
        config: &Config,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Option<u64> {
        let mut hasher = self.0.build_hasher();
        let named = config.session.write(headers, extensions, &mut hasher);
        // Equal cookies of two tenants are two sessions.
        extensions.get::<Tenant>().hash(&mut hasher);
        named.then(|| hasher.finish())
    }

    /// Returns the identity of what a request without a rewritten target asks for.
    pub(crate) fn target(
        &self,
        uri: &Uri,
        version: Version,
        headers: &HeaderMap,
        tenant: Option<&Tenant>,
    ) -> TargetId {
        let extensions = Extensions::new();
        let target = TargetUri::shown().of(&extensions, uri);
        let parts = target.parts(version, headers.get(HOST));
        let mut hasher = self.0.build_hasher();
        tenant.hash(&mut hasher);
        parts.scheme.hash(&mut hasher);
        parts.authority.hash(&mut hasher);
        parts.more.hash(&mut hasher);
        let origin = hasher.finish();
        parts.path_and_query.hash(&mut hasher);
        let hash = hasher.finish();
        TargetId {
            item: ItemId::of_hash(hash),
            hash,
            origin,
        }
    }
}

// === impl Event ===

impl Event {
    /// Reads a request. `None` if nothing is learned from it.
    pub(crate) fn read<B: Body>(
        config: &Config,
        names: &Names,
        request: &Request<B>,
        inner: &Arc<dyn Fetch>,
    ) -> Option<Box<Self>> {
        let (headers, extensions, uri) = (request.headers(), request.extensions(), request.uri());
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if *request.method() != Method::GET
            || path.len() > LONGEST
            || extensions.get::<Directive>().is_some()
            // What its key depends on besides its fields cannot be made up.
            || extensions.get::<KeyPart>().is_some()
            || needs_own_call(headers)
            // A browser that asks ahead of time is no visit of its user.
            || purpose::is_prefetch(headers)
            || Presence::of(request) != Presence::Absent
            || headers.get_all(HOST).iter().count() > 1
            || credentials::is_in_query(uri)
            || PrivateIf::default().is_private(extensions, headers)
        {
            return None;
        }
        // The inner service sees a part of the path. A request of another one could not be made up.
        if config.target_uri.of(extensions, uri).uri != uri {
            return None;
        }
        let session = names.session(config, headers, extensions)?;
        let tenant = extensions.get::<Tenant>();
        Some(Box::new(Self {
            session,
            target: names.target(uri, request.version(), headers, tenant),
            uri: uri.clone(),
            version: request.version(),
            at: config.fetching.clock.instant(),
            fetchable: None,
            is_guess: false,
            waited: true,
            fresh_for: None,
            headers: headers.clone(),
            tenant: tenant.cloned(),
            private_if: extensions.get::<PrivateIf>().cloned(),
            inner: Arc::clone(inner),
        }))
    }

    /// Returns the time for which the response is fresh after a fetch, if this was one.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.fresh_for.filter(|_| self.waited)
    }

    /// Notes the response. Returns false if the request is not learned: it failed.
    pub(crate) fn answered<B>(&mut self, response: &Response<B>, config: &Config) -> bool {
        let headers = response.headers();
        if config.is_for_browsers() && !purpose::is_document(&self.headers, headers) {
            return false;
        }
        let info = response.extensions().get::<CacheInfo>();
        if let Some(info) = info {
            self.waited = !matches!(info.state, CacheState::Hit | CacheState::Stale);
            let is_kept = info.stored || !self.waited;
            self.fresh_for = info.expires_in.filter(|_| is_kept);
        }
        match response.status() {
            StatusCode::NOT_MODIFIED => return true,
            status if !status.is_success() => return false,
            _ => {}
        }
        let stored = match info {
            Some(info) => match info.state {
                CacheState::Miss => Some(info.stored),
                state => Some(state != CacheState::Bypass),
            },
            None => CacheVerdict::read(headers).and_then(|verdict| match verdict.hit {
                Some(true) => Some(true),
                _ => verdict.stored,
            }),
        };
        self.is_guess = stored.is_none();
        self.fetchable = Some(stored.unwrap_or_else(|| {
            let control = ResponseControl::parse(headers.get_all(CACHE_CONTROL));
            let own = control.private || headers.contains_key(SET_COOKIE);
            !control.no_store && (config.personal || !own)
        }));
        true
    }
}
