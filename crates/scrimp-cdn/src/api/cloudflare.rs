//! Cloudflare.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use governor::Quota;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use scrimp_core::{BoxError, Purge, PurgeTarget, SettingError};
use serde_json::json;

use super::{
    BatchLimits, CdnApi, CdnRates, PurgeVerdict,
    parts::{Endpoint, Sites, folder, host, key, tag_pattern, tag_prefix, target},
    secret::Secret,
};
use crate::{
    item::{Expressed, ItemKind, PurgeItem},
    tag::{literal_start, tag_key},
};

const OWNER: &str = "Cloudflare";

/// The purge API of Cloudflare
/// (<https://developers.cloudflare.com/api/resources/cache/methods/purge/>).
///
/// | purge | member of the body of `POST /zones/{zone}/purge_cache` |
/// |---|---|
/// | tag, prefix of tags | `tags`, up to 100 |
/// | URI | `files`, up to 100, or 500 with [`CloudflarePlan::Enterprise`]; for http and https |
/// | prefix of URIs | `prefixes`, up to 30, cut to whole folders and to 31 separators |
/// | authority, group | `hosts`, up to 100 |
/// | everything | `purge_everything` |
///
/// It has no soft purges, so they are hard. Tags are not case-sensitive there: a purge of `Product:1`
/// hits `product:1` too. The limits are those of
/// <https://developers.cloudflare.com/cache/how-to/purge-cache/> and of the page on prefixes.
#[derive(Debug, Clone)]
#[must_use]
pub struct Cloudflare {
    zone: String,
    token: Secret,
    plan: CloudflarePlan,
    endpoint: Endpoint,
    sites: Sites,
    both_schemes: bool,
}

/// The plan of a Cloudflare account, on which the limits depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CloudflarePlan {
    /// 5 requests per minute, 25 at once; 800 URLs per second.
    #[default]
    Free,
    /// 5 requests per second, 25 at once; 1,500 URLs per second.
    Pro,
    /// 10 requests per second, 50 at once; 1,500 URLs per second.
    Business,
    /// 50 requests per second, 500 at once; 3,000 URLs per second.
    Enterprise,
}

/// Maximum number of prefixes of one request, and of separators in one.
const MAX_PREFIXES: usize = 30;
const MAX_SEPARATORS: usize = 31;

// === impl Cloudflare ===

impl Cloudflare {
    /// Takes the id of the zone, and an API token with the permission to purge.
    pub fn new(zone: impl Into<String>, token: &str) -> Self {
        let api = "https://api.cloudflare.com/client/v4";
        Self {
            zone: zone.into(),
            token: Secret::new("Bearer ", token),
            plan: CloudflarePlan::default(),
            endpoint: Endpoint::new(OWNER, "endpoint", api),
            sites: Sites::default(),
            both_schemes: true,
        }
    }

    /// Sets the plan. Default: [`CloudflarePlan::Free`], whose limits all plans allow.
    pub fn plan(mut self, plan: CloudflarePlan) -> Self {
        self.plan = plan;
        self
    }

    /// Purges a URI under its own scheme only, and one without a scheme under https. Default: under
    /// both, since a server often does not know the scheme that its clients use.
    pub fn own_scheme_only(mut self) -> Self {
        self.both_schemes = false;
        self
    }

    /// Sets the address of the API. Default: `https://api.cloudflare.com/client/v4`.
    pub fn endpoint(mut self, uri: impl TryInto<Uri, Error: Into<BoxError>>) -> Self {
        self.endpoint = Endpoint::new(OWNER, "endpoint", uri);
        self
    }

    /// Adds a site, such as `https://www.example.com`. A purge of a URI without an authority is sent
    /// for each of them, and becomes a purge of everything if there is none.
    pub fn site(mut self, uri: impl TryInto<Uri, Error: Into<BoxError>>) -> Self {
        self.sites.push(Endpoint::new(OWNER, "site", uri));
        self
    }

    fn urls(&self, uri: &Uri) -> Expressed {
        let sites = self.sites.authorities(uri);
        let schemes = match (self.both_schemes, uri.scheme_str()) {
            (true, _) => &["https", "http"][..],
            (false, Some("http")) => &["http"],
            (false, _) => &["https"],
        };
        let url = |scheme: &str, site: &str| format!("{scheme}://{site}{}", target(uri));
        let of_site = |site: String| schemes.iter().map(move |scheme| url(scheme, &site));
        let urls: Vec<_> = sites.into_iter().flat_map(of_site).collect();
        let item = |url| PurgeItem::new(ItemKind::Url, url);
        match urls.is_empty() {
            true => Expressed::Not,
            false => Expressed::Exactly(urls.into_iter().map(item).collect()),
        }
    }

    /// Expresses a prefix of paths. Cloudflare cuts prefixes at separators, and knows no queries there.
    fn prefixes(&self, uri: &Uri, path: &str) -> Expressed {
        let (folder, wider) = folder(path);
        let folder = folder.trim_end_matches('/');
        let cut = folder.match_indices('/').nth(MAX_SEPARATORS);
        let (folder, wider) = match cut {
            Some((end, _)) => (&folder[..end], true),
            None => (folder, wider),
        };
        let item = |site: String| match folder {
            "" => PurgeItem::new(ItemKind::Host, host(&site)),
            folder => PurgeItem::new(ItemKind::Prefix, format!("{site}{folder}")),
        };
        let sites = self.sites.authorities(uri);
        let items: Vec<_> = sites.into_iter().map(item).collect();
        match (items.is_empty(), wider) {
            (true, _) => Expressed::Not,
            (false, true) => Expressed::Wider(items),
            (false, false) => Expressed::Exactly(items),
        }
    }

    /// Expresses a pattern of tags or paths. One that begins with `/` may match both.
    fn pattern(&self, pattern: &str) -> Expressed {
        let start = literal_start(pattern);
        if let Some(found) = tag_pattern(pattern) {
            return found;
        }
        let Some(uri) = start.parse::<Uri>().ok().filter(|_| start.starts_with('/')) else {
            return Expressed::Not;
        };
        match (self.prefixes(&uri, uri.path()), tag_prefix(start)) {
            (
                Expressed::Exactly(mut items) | Expressed::Wider(mut items),
                Expressed::Exactly(tags) | Expressed::Wider(tags),
            ) => {
                items.extend(tags);
                Expressed::Wider(items)
            }
            _ => Expressed::Not,
        }
    }
}

impl CdnApi for Cloudflare {
    fn name(&self) -> &'static str {
        "cloudflare"
    }

    fn check(&self) -> Result<(), SettingError> {
        let is_id =
            |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id(&self.zone) {
            let problem = "must be letters and digits, at least one";
            return Err(SettingError::new(OWNER, "zone", problem));
        }
        self.token.check(OWNER, "token")?;
        self.endpoint.check()?;
        self.sites.check()
    }

    fn express(&self, purge: &Purge) -> Expressed {
        let of_host = |authority: &str| PurgeItem::new(ItemKind::Host, host(authority));
        match &purge.target {
            PurgeTarget::Tag(tag) => Expressed::Exactly(vec![key(tag_key(tag))]),
            PurgeTarget::TagPrefix(prefix) => tag_prefix(prefix),
            PurgeTarget::Glob(pattern) => self.pattern(pattern),
            PurgeTarget::Uri(uri) => self.urls(uri),
            PurgeTarget::UriPrefix(uri) => self.prefixes(uri, uri.path()),
            PurgeTarget::Authority(authority) => Expressed::Exactly(vec![of_host(authority)]),
            PurgeTarget::Group { authority, .. } => Expressed::Wider(vec![of_host(authority)]),
            PurgeTarget::Everything => Expressed::Exactly(vec![PurgeItem::everything()]),
            _ => Expressed::Not,
        }
    }

    fn widen(&self, item: &PurgeItem) -> Option<PurgeItem> {
        let url = item.value.split("://").last().unwrap_or_default();
        let site = url.split('/').next().unwrap_or_default();
        let is_url = matches!(item.kind, ItemKind::Url | ItemKind::Prefix);
        is_url.then(|| PurgeItem::new(ItemKind::Host, host(site)))
    }

    fn batch(&self, kind: ItemKind) -> BatchLimits {
        let is_enterprise = self.plan == CloudflarePlan::Enterprise;
        match kind {
            ItemKind::Url if is_enterprise => BatchLimits::items(500),
            ItemKind::Url | ItemKind::Key | ItemKind::Host => BatchLimits::items(100),
            ItemKind::Prefix => BatchLimits::items(MAX_PREFIXES),
            _ => BatchLimits::ONE,
        }
    }

    fn rates(&self) -> CdnRates {
        let minute = Duration::from_secs(60);
        let (each, burst, urls) = match self.plan {
            CloudflarePlan::Free => (minute / 5, 25, 800),
            CloudflarePlan::Pro => (minute / 300, 25, 1_500),
            CloudflarePlan::Business => (minute / 600, 50, 1_500),
            CloudflarePlan::Enterprise => (minute / 3_000, 500, 3_000),
        };
        let requests = Quota::with_period(each).zip(NonZeroU32::new(burst));
        CdnRates {
            requests: requests.map(|(quota, burst)| quota.allow_burst(burst)),
            items: NonZeroU32::new(urls).map(Quota::per_second),
        }
    }

    fn request(&self, items: &[PurgeItem]) -> Option<Request<Full<Bytes>>> {
        let values: Vec<_> = items.iter().map(|item| &*item.value).collect();
        let body = match items.first()?.kind {
            ItemKind::Key => json!({ "tags": values }),
            ItemKind::Url => json!({ "files": values }),
            ItemKind::Prefix => json!({ "prefixes": values }),
            ItemKind::Host => json!({ "hosts": values }),
            ItemKind::Everything => json!({ "purge_everything": true }),
            ItemKind::Expression => return None,
        };
        let target = format!("/zones/{}/purge_cache", self.zone);
        let builder = self.endpoint.request(Method::POST, &target)?;
        builder
            .header(header::AUTHORIZATION, self.token.value()?)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into())
            .ok()
    }

    /// A 2xx counts only if its body says so too.
    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> PurgeVerdict {
        let verdict = PurgeVerdict::of(status, headers);
        if verdict != PurgeVerdict::Accepted {
            return verdict;
        }
        let answer: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let success = answer.and_then(|answer| answer.get("success")?.as_bool());
        match success {
            Some(true) => PurgeVerdict::Accepted,
            _ => PurgeVerdict::Later(None),
        }
    }
}
