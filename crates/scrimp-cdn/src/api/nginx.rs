//! nginx with the module ngx_cache_purge.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use scrimp_core::{BoxError, Purge, PurgeTarget, SettingError};

use super::{
    BatchLimits, CdnApi, PurgeVerdict,
    parts::{Endpoint, Sites, empty, plain_authority, target},
};
use crate::item::{Expressed, ItemKind, PurgeItem};

const OWNER: &str = "Nginx";

/// nginx with the module `ngx_cache_purge` (Debian: `libnginx-mod-http-cache-purge`,
/// <https://github.com/nginx-modules/ngx_cache_purge>).
///
/// This configuration works with all versions of the module. `PURGE from …` within `location /` does
/// not: version 2.3, which Debian 12 has, ends the worker process.
///
/// ```text
/// location / {
///     proxy_pass http://app;
///     proxy_set_header Host $host;
///     proxy_cache pages;
///     proxy_cache_key $host$request_uri;
///     if ($request_method = PURGE) { rewrite ^(.*)$ /.purge$1 last; }
/// }
/// location /.purge/ {
///     allow 127.0.0.1;
///     deny all;
///     proxy_cache_purge pages $host$request_uri;
/// }
/// ```
///
/// | purge | request | needs |
/// |---|---|---|
/// | URI | `PURGE /path?query` with Host | |
/// | prefix of URIs | `PURGE /prefix*` with Host | [`wildcards`](Self::wildcards) |
/// | authority, group | `PURGE /*` with Host | [`wildcards`](Self::wildcards) |
/// | everything | `PURGE` of a path, or `PURGE /*` for each [site](Self::site) | [`purge_all`](Self::purge_all), or wildcards |
/// | tag | everything: nginx knows no tags | as above |
///
/// Without these settings, nginx cannot be purged of more than a URI. Other purges are left out,
/// [counted](crate::PurgeStats::skipped) and logged as errors: give responses a short lifetime then.
///
/// nginx has no soft purges, so they are hard. It keeps a file for each variant (Vary), of which a
/// purge removes one; `cache_purge_vary_aware on` of later versions removes all.
#[derive(Debug, Clone)]
#[must_use]
pub struct Nginx {
    endpoint: Endpoint,
    sites: Sites,
    wildcards: bool,
    purge_all: Option<String>,
}

// === impl Nginx ===

impl Nginx {
    /// Takes the address of nginx, such as `http://127.0.0.1:8080`.
    pub fn new(endpoint: impl TryInto<Uri, Error: Into<BoxError>>) -> Self {
        Self {
            endpoint: Endpoint::new(OWNER, "endpoint", endpoint),
            sites: Sites::default(),
            wildcards: false,
            purge_all: None,
        }
    }

    /// Adds a site, such as `https://www.example.com`. A purge of everything, and of a URI without an
    /// authority, is sent for each of them, since `$host` is a part of most cache keys. Without a
    /// site, such purges are skipped: they would find nothing.
    pub fn site(mut self, uri: impl TryInto<Uri, Error: Into<BoxError>>) -> Self {
        self.sites.push(Endpoint::new(OWNER, "site", uri));
        self
    }

    /// Uses purges such as `PURGE /prefix*`. The module from nginx-modules has them since version 2.4;
    /// an older one takes the mark for a part of the URI, and purges nothing.
    pub fn wildcards(mut self) -> Self {
        self.wildcards = true;
        self
    }

    /// Sets the path of a location with `proxy_cache_purge PURGE purge_all from …`, which empties
    /// the cache.
    pub fn purge_all(mut self, path: impl Into<String>) -> Self {
        self.purge_all = Some(path.into());
        self
    }

    /// Returns an item for each authority that a URI stands for.
    fn of_sites(&self, kind: ItemKind, uri: &Uri, path: &str) -> Vec<PurgeItem> {
        let item = |site: String| PurgeItem::new(kind, format!("{site}{path}"));
        self.sites.authorities(uri).into_iter().map(item).collect()
    }
}

impl CdnApi for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn check(&self) -> Result<(), SettingError> {
        self.endpoint.check()?;
        self.sites.check()
    }

    fn express(&self, purge: &Purge) -> Expressed {
        let of_host = |authority: &str| PurgeItem::new(ItemKind::Host, plain_authority(authority));
        match &purge.target {
            PurgeTarget::Uri(uri) => exactly(self.of_sites(ItemKind::Url, uri, target(uri))),
            _ if !self.wildcards => match purge.target {
                PurgeTarget::Everything => exactly(self.everything()),
                _ => Expressed::Not,
            },
            PurgeTarget::UriPrefix(uri) => {
                exactly(self.of_sites(ItemKind::Prefix, uri, uri.path()))
            }
            PurgeTarget::Authority(authority) => Expressed::Exactly(vec![of_host(authority)]),
            PurgeTarget::Group { authority, .. } => Expressed::Wider(vec![of_host(authority)]),
            PurgeTarget::Everything => exactly(self.everything()),
            _ => Expressed::Not,
        }
    }

    fn widen(&self, item: &PurgeItem) -> Option<PurgeItem> {
        let site = item.value.split('/').next().unwrap_or_default();
        let is_url = matches!(item.kind, ItemKind::Url | ItemKind::Prefix);
        (is_url && self.wildcards).then(|| PurgeItem::new(ItemKind::Host, site))
    }

    fn everything(&self) -> Vec<PurgeItem> {
        match self.purge_all {
            Some(_) => vec![PurgeItem::everything()],
            None if !self.wildcards => Vec::new(),
            None => self.of_sites(ItemKind::Host, &Uri::from_static("/"), ""),
        }
    }

    fn batch(&self, _: ItemKind) -> BatchLimits {
        BatchLimits::ONE
    }

    fn request(&self, items: &[PurgeItem]) -> Option<Request<Full<Bytes>>> {
        let item = items.first()?;
        let end = item.value.find('/').unwrap_or(item.value.len());
        let (site, path) = item.value.split_at(end);
        let target = match item.kind {
            ItemKind::Url => path.to_owned(),
            ItemKind::Prefix => format!("{path}*"),
            ItemKind::Host => "/*".to_owned(),
            ItemKind::Everything => self.purge_all.clone().unwrap_or_else(|| "/*".to_owned()),
            _ => return None,
        };
        let purge = Method::from_bytes(b"PURGE").ok()?;
        let builder = self.endpoint.request(purge, &target)?;
        empty(match item.kind {
            ItemKind::Everything => builder,
            _ => builder.header(header::HOST, site),
        })
    }

    /// 404 and 412 say that nothing of it is in the cache.
    fn judge(&self, status: StatusCode, headers: &HeaderMap, _: &[u8]) -> PurgeVerdict {
        match status {
            StatusCode::NOT_FOUND | StatusCode::PRECONDITION_FAILED => PurgeVerdict::Accepted,
            _ => PurgeVerdict::of(status, headers),
        }
    }
}

/// Returns these items, if there are any.
fn exactly(items: Vec<PurgeItem>) -> Expressed {
    match items.is_empty() {
        true => Expressed::Not,
        false => Expressed::Exactly(items),
    }
}
