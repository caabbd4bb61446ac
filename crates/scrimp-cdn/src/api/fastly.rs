//! Fastly.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use governor::Quota;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use scrimp_core::{BoxError, Purge, PurgeTarget, SettingError};
use scrimp_http::retry_after::fastly_reset;

use super::{
    BatchLimits, CdnApi, CdnRates, PurgeVerdict,
    parts::{Endpoint, Sites, empty, key, tag_pattern, tag_prefix, target},
    secret::Secret,
    verdict::LONGEST_WAIT,
};
use crate::{
    item::{Expressed, ItemKind, PurgeItem},
    tag::{percent_encoded, tag_key},
};

const OWNER: &str = "Fastly";

/// The purge API of Fastly
/// (<https://www.fastly.com/documentation/reference/api/purging/>).
///
/// | purge | request |
/// |---|---|
/// | tag, prefix of tags | `POST /service/{id}/purge/{key}`, or up to 256 keys with `POST /service/{id}/purge` |
/// | URI | `POST /purge/{host}/{path}` |
/// | everything | `POST /service/{id}/purge_all`, which is always hard |
/// | prefix of URIs, authority, group | everything: Fastly cannot do it |
///
/// Soft purges have `Fastly-Soft-Purge: 1`.
///
/// Purges of everything count against 1,000 requests per hour of the account
/// (<https://docs.fastly.com/api/>); a 429 is obeyed until `Fastly-RateLimit-Reset`. Of keys and
/// URLs, no more than 100,000 per hour are sent, the limit that a third party reports
/// (<https://apis.io/rate-limits/fastly/fastly-rate-limits/>).
#[derive(Debug, Clone)]
#[must_use]
pub struct Fastly {
    service: String,
    token: Secret,
    endpoint: Endpoint,
    sites: Sites,
}

/// Maximum number of keys of one request.
const MAX_KEYS: usize = 256;

/// Items at once after a pause. With the steady rate, an hour has no more than 100,000.
const BURST: u32 = 2_000;
const PER_HOUR: u32 = 100_000 - BURST;

// === impl Fastly ===

impl Fastly {
    /// Takes the id of the service, and an API token that may purge.
    pub fn new(service: impl Into<String>, token: &str) -> Self {
        Self {
            service: service.into(),
            token: Secret::new("", token),
            endpoint: Endpoint::new(OWNER, "endpoint", "https://api.fastly.com"),
            sites: Sites::default(),
        }
    }

    /// Sets the address of the API. Default: `https://api.fastly.com`.
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

    fn of_service(&self, rest: &str) -> String {
        format!("/service/{}/{rest}", self.service)
    }
}

impl CdnApi for Fastly {
    fn name(&self) -> &'static str {
        "fastly"
    }

    fn check(&self) -> Result<(), SettingError> {
        let is_id =
            |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id(&self.service) {
            let problem = "must be letters and digits, at least one";
            return Err(SettingError::new(OWNER, "service", problem));
        }
        self.token.check(OWNER, "token")?;
        self.endpoint.check()?;
        self.sites.check()
    }

    fn express(&self, purge: &Purge) -> Expressed {
        match &purge.target {
            PurgeTarget::Tag(tag) => Expressed::Exactly(vec![key(tag_key(tag))]),
            PurgeTarget::TagPrefix(prefix) => tag_prefix(prefix),
            PurgeTarget::Glob(pattern) => tag_pattern(pattern).unwrap_or(Expressed::Not),
            PurgeTarget::Uri(uri) => {
                let sites = self.sites.authorities(uri);
                let url = |site: String| format!("{site}{}", target(uri));
                let item = |site| PurgeItem::new(ItemKind::Url, url(site));
                match sites.is_empty() {
                    true => Expressed::Not,
                    false => Expressed::Exactly(sites.into_iter().map(item).collect()),
                }
            }
            PurgeTarget::Everything => Expressed::Exactly(vec![PurgeItem::everything()]),
            _ => Expressed::Not,
        }
    }

    fn widen(&self, _: &PurgeItem) -> Option<PurgeItem> {
        None
    }

    fn batch(&self, kind: ItemKind) -> BatchLimits {
        match kind {
            ItemKind::Key => BatchLimits::items(MAX_KEYS),
            _ => BatchLimits::ONE,
        }
    }

    fn rates(&self) -> CdnRates {
        let each = Duration::from_secs(3_600) / PER_HOUR;
        let burst = NonZeroU32::new(BURST);
        let items = Quota::with_period(each).zip(burst);
        CdnRates {
            requests: None,
            items: items.map(|(quota, burst)| quota.allow_burst(burst)),
        }
    }

    fn request(&self, items: &[PurgeItem]) -> Option<Request<Full<Bytes>>> {
        let first = items.first()?;
        let post = |target: &str| {
            let builder = self.endpoint.request(Method::POST, target)?;
            let builder = builder
                .header("fastly-key", self.token.value()?)
                .header(header::ACCEPT, "application/json");
            let soft = first.soft && first.kind != ItemKind::Everything;
            Some(match soft {
                true => builder.header("fastly-soft-purge", "1"),
                false => builder,
            })
        };
        match first.kind {
            ItemKind::Key if items.len() > 1 => {
                let keys: Vec<_> = items.iter().map(|item| &*item.value).collect();
                let json = serde_json::json!({ "surrogate_keys": keys }).to_string();
                post(&self.of_service("purge"))?
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(json.into())
                    .ok()
            }
            ItemKind::Key => {
                let segment = path_segment(&first.value);
                empty(post(&self.of_service(&format!("purge/{segment}")))?)
            }
            ItemKind::Url => empty(post(&format!("/purge/{}", first.value))?),
            ItemKind::Everything => empty(post(&self.of_service("purge_all"))?),
            _ => None,
        }
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap, _: &[u8]) -> PurgeVerdict {
        match PurgeVerdict::of(status, headers) {
            // The field stands on other responses as well.
            PurgeVerdict::Later(None) if status == StatusCode::TOO_MANY_REQUESTS => {
                PurgeVerdict::Later(fastly_reset(headers).map(|wait| wait.min(LONGEST_WAIT)))
            }
            verdict => verdict,
        }
    }
}

/// Returns a key as one segment of a path (RFC 3986 §3.3).
fn path_segment(key: &str) -> String {
    let marks = b"-._~!$&'()*+,;=:@";
    percent_encoded(key, |byte| {
        byte.is_ascii_alphanumeric() || marks.contains(&byte)
    })
}
