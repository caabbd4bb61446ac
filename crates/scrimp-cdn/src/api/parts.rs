//! Parts that the APIs share.

use bytes::Bytes;
use http::{Method, Request, Uri, request::Builder, uri::Authority};
use http_body_util::Full;
use scrimp_core::{BoxError, SettingError};
use scrimp_http::target::{host_without_port, normal_authority};

use crate::{
    item::{Expressed, ItemKind, PurgeItem},
    tag::{literal_start, prefix_key},
};

/// The address of an API or a cache.
#[derive(Debug, Clone)]
pub(super) struct Endpoint(Result<Uri, SettingError>);

/// Sites that a URI without an authority stands for.
#[derive(Debug, Clone, Default)]
pub(super) struct Sites(Vec<Endpoint>);

// === impl Endpoint ===

impl Endpoint {
    pub(super) fn new(
        owner: &'static str,
        setting: &'static str,
        uri: impl TryInto<Uri, Error: Into<BoxError>>,
    ) -> Self {
        let shape = "a URI such as http://127.0.0.1:6081";
        let uri = SettingError::read(owner, setting, uri, shape);
        Self(
            uri.and_then(|uri: Uri| match uri.scheme().zip(uri.authority()) {
                Some(_) => Ok(uri),
                None => Err(SettingError::new(
                    owner,
                    setting,
                    format_args!("must be {shape}"),
                )),
            }),
        )
    }

    pub(super) fn check(&self) -> Result<(), SettingError> {
        self.0.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Starts a request for a target below the endpoint's path.
    pub(super) fn request(&self, method: Method, target: &str) -> Option<Builder> {
        let uri = self.0.as_ref().ok()?;
        let base = uri.path().trim_end_matches('/');
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(format!("{base}{target}").parse().ok()?);
        let uri = Uri::from_parts(parts).ok()?;
        Some(Request::builder().method(method).uri(uri))
    }

    fn authority(&self) -> Option<&str> {
        let uri = self.0.as_ref().ok()?;
        uri.authority().map(Authority::as_str)
    }
}

// === impl Sites ===

impl Sites {
    pub(super) fn push(&mut self, site: Endpoint) {
        self.0.push(site);
    }

    pub(super) fn check(&self) -> Result<(), SettingError> {
        self.0.iter().try_for_each(Endpoint::check)
    }

    /// Returns the authorities that a URI stands for; none if it has none and no site is known.
    pub(super) fn authorities(&self, uri: &Uri) -> Vec<String> {
        let known = || self.0.iter().filter_map(Endpoint::authority).collect();
        let own = uri.authority().map(|authority| vec![authority.as_str()]);
        let all: Vec<&str> = own.unwrap_or_else(known);
        all.into_iter().map(plain_authority).collect()
    }
}

/// Returns an authority as a CDN knows it: without userinfo, in lower case, without a default port.
pub(super) fn plain_authority(authority: &str) -> String {
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    normal_authority(host).into_owned()
}

/// Returns a host without its port.
pub(super) fn host(authority: &str) -> String {
    let mut host = plain_authority(authority);
    host.truncate(host_without_port(host.as_bytes()).len());
    host
}

/// Returns the path and query of a URI.
pub(super) fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

/// Returns the folder that all paths with a prefix are in, and whether it holds more than these.
pub(super) fn folder(path: &str) -> (&str, bool) {
    let end = path.rfind('/').map_or(0, |at| at + 1);
    match &path[..end] {
        "" => ("/", true),
        folder => (folder, folder.len() < path.len()),
    }
}

/// Returns the purge of a key.
pub(super) fn key(key: String) -> PurgeItem {
    PurgeItem::new(ItemKind::Key, key)
}

/// Expresses a prefix of tags as the key of the longest prefix that responses carry.
pub(super) fn tag_prefix(prefix: &str) -> Expressed {
    match prefix_key(prefix) {
        Some((found, false)) => Expressed::Exactly(vec![key(found)]),
        Some((found, true)) => Expressed::Wider(vec![key(found)]),
        None => Expressed::Not,
    }
}

/// Expresses a pattern as a prefix of tags, if it cannot match a path, which begins with `/`.
pub(super) fn tag_pattern(pattern: &str) -> Option<Expressed> {
    let start = literal_start(pattern);
    let may_be_path = start.is_empty() || start.starts_with('/');
    (!may_be_path).then(|| wider(tag_prefix(start)))
}

/// Says that the items hit more than the purge.
pub(super) fn wider(found: Expressed) -> Expressed {
    match found {
        Expressed::Exactly(items) | Expressed::Wider(items) => Expressed::Wider(items),
        Expressed::Not => Expressed::Not,
    }
}

/// Ends a request without a body.
pub(super) fn empty(builder: Builder) -> Option<Request<Full<Bytes>>> {
    builder.body(Full::default()).ok()
}
