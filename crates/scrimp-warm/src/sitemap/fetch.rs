//! Sitemaps fetched through a service.

use std::{
    collections::{HashSet, VecDeque},
    future::poll_fn,
    io::Cursor,
    pin::pin,
    time::Duration,
};

use http::{Request, StatusCode, Uri, header::LOCATION};
use http_body::Body;
use scrimp_core::BoxError;
use scrimp_http::coding::ask_for_identity;
use tokio::time::timeout;
use tower::ServiceExt;

use super::SitemapError;
use crate::{WarmService, targets::Targets};

/// Longest body of a sitemap as it is sent.
const MAX_BYTES: usize = 50 << 20;
/// Most sitemaps that are fetched: those of one index of the protocol.
const MAX_SITEMAPS: usize = 50_000;
/// Deepest nesting of indexes. The protocol knows one.
const MAX_DEPTH: u8 = 3;
/// Failed sitemaps in a row after which no more are fetched.
const MAX_FAILURES: u32 = 20;
/// Longest time for a sitemap.
const TIME: Duration = Duration::from_secs(60);
/// Number of sitemaps that could not be read of which the reason is kept.
const EXAMPLES: usize = 5;

/// Result of reading a sitemap and those that it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SitemapReport {
    /// Sitemaps and indexes that were read.
    pub read: u64,
    /// Sitemaps of an index that could not be read.
    pub failed: u64,
    /// Sitemaps of an index that were not fetched: on another host, named twice, nested too deeply, or too
    /// many.
    pub skipped: u64,
    /// A sentence about each of the first that could not be read.
    pub examples: Vec<String>,
}

// === impl Targets ===

impl Targets {
    /// Fetches a sitemap through a service, and those that it names if it is an index, and adds their URIs.
    ///
    /// Sitemaps on a host whose URIs are not added are not fetched either. Redirects are not followed. Of an
    /// index, sitemaps that cannot be read are counted, and the rest is used.
    ///
    /// # Errors
    ///
    /// If the first sitemap cannot be read.
    pub async fn fetch_sitemap<S, ReqB>(
        &mut self,
        service: S,
        uri: &Uri,
    ) -> Result<SitemapReport, SitemapError>
    where
        S: WarmService<ReqB>,
        ReqB: Default,
    {
        let mut report = SitemapReport::default();
        let mut known = HashSet::from([uri.clone()]);
        let mut queue = VecDeque::from([(uri.clone(), 0)]);
        let mut failures = 0;
        while let Some((uri, depth)) = queue.pop_front() {
            if self.is_full() || failures >= MAX_FAILURES {
                report.skipped += 1 + queue.len() as u64;
                break;
            }
            let further = match self.fetch_one(service.clone(), &uri).await {
                Ok(further) => further,
                Err(error) if report.read == 0 => return Err(error),
                Err(error) => {
                    failures += 1;
                    report.failed += 1;
                    if report.examples.len() < EXAMPLES {
                        report.examples.push(error.to_string());
                    }
                    continue;
                }
            };
            failures = 0;
            report.read += 1;
            for place in further {
                let next = self.resolve(&place);
                let next = next.filter(|_| depth < MAX_DEPTH && known.len() < MAX_SITEMAPS);
                match next.filter(|next| known.insert(next.clone())) {
                    Some(next) => queue.push_back((next, depth + 1)),
                    None => report.skipped += 1,
                }
            }
        }
        Ok(report)
    }

    async fn fetch_one<S, ReqB>(
        &mut self,
        service: S,
        uri: &Uri,
    ) -> Result<Vec<String>, SitemapError>
    where
        S: WarmService<ReqB>,
        ReqB: Default,
    {
        let name = uri.to_string();
        let body = match timeout(TIME, get(service, uri, &name)).await {
            Ok(body) => body?,
            Err(_) => return Err(SitemapError::new(&name, "did not come within 60 s")),
        };
        self.add_sitemap(&name, Cursor::new(body))
    }
}

/// Fetches a body of bounded length.
async fn get<S, ReqB>(service: S, uri: &Uri, name: &str) -> Result<Vec<u8>, SitemapError>
where
    S: WarmService<ReqB>,
    ReqB: Default,
{
    let mut request = Request::new(ReqB::default());
    request.uri_mut().clone_from(uri);
    ask_for_identity(request.headers_mut());
    let failed = |error: BoxError| SitemapError::new(name, "cannot be fetched").because(error);
    let response = service.oneshot(request).await;
    let response = response.map_err(|error| failed(error.into()))?;
    if response.status() != StatusCode::OK {
        let to = response.headers().get(LOCATION);
        let to = to.filter(|_| response.status().is_redirection());
        let to = to.and_then(|to| to.to_str().ok());
        let to = to.map_or_else(String::new, |to| format!(": it is at {to}"));
        let status = response.status();
        return Err(SitemapError::new(
            name,
            format!("is answered with {status}{to}"),
        ));
    }
    let mut whole = Vec::new();
    let mut body = pin!(response.into_body());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| failed(error.into()))?;
        let data = frame.into_data().unwrap_or_default();
        if whole.len() + data.len() > MAX_BYTES {
            return Err(SitemapError::new(name, "is larger than 50 MiB"));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}
