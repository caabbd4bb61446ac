//! A service for operators and their tools that purges and reports statistics.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts,
};
use http_body_util::Full;
use scrimp_http::{
    groups::{self, CACHE_TAG, SURROGATE_KEY},
    target::authority,
};
use tower_service::Service;

use super::{Erased, Invalidation, Invalidator};
use crate::stats::CacheStats;

/// Decides whether a request is authorised.
type Authorise = dyn Fn(&Parts) -> bool + Send + Sync;
type ReadStats = dyn Fn() -> CacheStats + Send + Sync;

/// The future of [`Admin`].
pub type AdminFuture =
    Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

/// Purges and statistics over HTTP, made by [`CacheLayer::admin`](crate::CacheLayer::admin),
/// mounted where the operator wants it (with axum: `Router::fallback_service` or
/// `nest_service`), and nowhere by default.
///
/// | request | effect |
/// |---|---|
/// | `PURGE /some/path` with Host | purges the URI, in all its variants, as with Varnish |
/// | `PURGE /…` with `Surrogate-Key: a b` or `Cache-Tag: a,b` | purges the tags, not the URI |
/// | `POST /purge?tag=…&prefix=…&glob=…&url=…&url-prefix=…&path=…&authority=…` | purges each; a `path` with its query on every authority |
/// | `POST /purge?everything` | purges everything |
/// | `POST /erase?tag=…` and the other parameters of a purge | purges each, and [removes the bytes](Invalidator::erase) from every tier |
/// | `GET /stats` | statistics as JSON |
///
/// `Fastly-Soft-Purge: 1`, or `&soft` in the query, makes responses stale, not gone. Every
/// answer is JSON. That to a purge names each target as the cache understood it, with the number of
/// stored responses that it hit: `{"status":"ok","purges":1,"targets":[{"target":"uri
/// shop.example/7","hits":0}]}`. The number is `null` if the store cannot tell. A request that the authorisation hook refuses gets a 403 and does nothing.
#[derive(Clone)]
pub struct Admin {
    invalidator: Invalidator,
    stats: Arc<ReadStats>,
    authorise: Arc<Authorise>,
}

// === impl Admin ===

impl Admin {
    pub(crate) fn new(
        invalidator: Invalidator,
        stats: impl Fn() -> CacheStats + Send + Sync + 'static,
        authorise: impl Fn(&Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            invalidator,
            stats: Arc::new(stats),
            authorise: Arc::new(authorise),
        }
    }

    async fn answer(&self, parts: &Parts) -> Response<Full<Bytes>> {
        if !(self.authorise)(parts) {
            return json(StatusCode::FORBIDDEN, error("not authorised"));
        }
        let path = parts.uri.path();
        let what = match (parts.method.as_str(), path) {
            ("PURGE", _) => purge_method(parts),
            ("POST", _) if path.ends_with("/purge") => purge_query(parts),
            ("POST", _) if path.ends_with("/erase") => {
                return match purge_query(parts) {
                    Ok(invalidations) => self.erase(&invalidations).await,
                    Err(wrong) => json(StatusCode::BAD_REQUEST, error(&wrong)),
                };
            }
            ("GET", _) if path.ends_with("/stats") => {
                return json(StatusCode::OK, (self.stats)().to_json());
            }
            _ => {
                let text = "send PURGE, POST …/purge?tag=…, POST …/erase?tag=… or GET …/stats";
                return json(StatusCode::NOT_FOUND, error(text));
            }
        };
        match what {
            Ok(invalidations) => json(StatusCode::OK, self.purge(&invalidations)),
            Err(wrong) => json(StatusCode::BAD_REQUEST, error(&wrong)),
        }
    }

    /// Erases, and tells how many responses there were in all tiers. All are invalid after it, also if a
    /// tier fails.
    async fn erase(&self, invalidations: &[Invalidation]) -> Response<Full<Bytes>> {
        let mut erased = Ok(Erased::default());
        for invalidation in invalidations {
            let done = self.invalidator.erase(invalidation).await;
            erased = match (erased, done) {
                (Ok(before), Ok(more)) => Ok(before + more),
                (Err(first), _) | (_, Err(first)) => Err(first),
            };
        }
        match erased {
            Ok(Erased {
                responses,
                unreadable,
            }) => json(
                StatusCode::OK,
                format!("{{\"status\":\"ok\",\"erased\":{responses},\"unreadable\":{unreadable}}}"),
            ),
            Err(problem) => {
                let text = format!("purged, and not removed from every tier: {problem}");
                json(StatusCode::BAD_GATEWAY, error(&text))
            }
        }
    }

    /// Purges, and tells what was hit.
    fn purge(&self, invalidations: &[Invalidation]) -> String {
        let mut targets = Vec::new();
        for invalidation in invalidations {
            let hits = self.invalidator.count(invalidation);
            self.invalidator.invalidate(invalidation);
            let hits = hits.map_or_else(|| "null".to_owned(), |hits| hits.to_string());
            let target = quoted(&invalidation.description());
            targets.push(format!("{{\"target\":{target},\"hits\":{hits}}}"));
        }
        let (purges, targets) = (targets.len(), targets.join(","));
        format!("{{\"status\":\"ok\",\"purges\":{purges},\"targets\":[{targets}]}}")
    }
}

fn purge_method(parts: &Parts) -> Result<Vec<Invalidation>, String> {
    let soft = parts
        .headers
        .get("fastly-soft-purge")
        .is_some_and(|value| value == "1");
    let mut purges: Vec<_> = tags(&parts.headers)
        .into_iter()
        .map(Invalidation::tag)
        .collect();
    if purges.is_empty() {
        let authority = authority(&parts.uri, &parts.headers);
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let uri: Uri = format!("http://{authority}{target}")
            .parse()
            .map_err(|_| format!("purging {target} needs a Host"))?;
        purges.push(Invalidation::uri(uri));
    }
    Ok(softened(purges, soft))
}

fn tags(headers: &HeaderMap) -> Vec<String> {
    let named = [SURROGATE_KEY, CACHE_TAG];
    let tags = named.iter().flat_map(|name| groups::tags(headers, name));
    tags.map(str::to_owned).collect()
}

/// Parameters that a purge takes.
const PARAMETERS: &str =
    "tag=, prefix=, glob=, url=, url-prefix=, path=, authority=, everything, and soft";

fn purge_query(parts: &Parts) -> Result<Vec<Invalidation>, String> {
    let query = parts.uri.query().unwrap_or_default();
    let mut purges = Vec::new();
    let mut soft = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let uri = || match value.parse::<Uri>() {
            Ok(uri) if uri.authority().is_some() => Ok(uri),
            Ok(_) => Err(format!(
                "`{name}={value}` has no authority: http://host{value}, or path={value} for \
                 every authority"
            )),
            Err(error) => Err(format!("`{name}={value}`: {error}")),
        };
        let path = || match value.parse::<Uri>() {
            Ok(uri) if value.starts_with('/') => Ok(uri),
            _ => Err(format!("`{name}={value}` is no path: it begins with /")),
        };
        let text = || match value.is_empty() {
            true => Err(format!("`{name}` has no value")),
            false => Ok(value.clone().into_owned()),
        };
        purges.push(match &*name {
            "soft" => {
                soft = true;
                continue;
            }
            "tag" => Invalidation::tag(text()?),
            "prefix" => Invalidation::prefix(text()?),
            "glob" => Invalidation::glob(text()?),
            "url" => Invalidation::uri(uri()?),
            "url-prefix" => Invalidation::uri_prefix(uri()?),
            "path" => Invalidation::uri(path()?),
            "authority" => Invalidation::authority(text()?),
            "everything" => Invalidation::everything(),
            other => {
                let problem = format!("`{other}` is not a purge parameter: {PARAMETERS}");
                return Err(problem);
            }
        });
    }
    if purges.is_empty() {
        return Err(format!("say what to purge: {PARAMETERS}"));
    }
    Ok(softened(purges, soft))
}

fn softened(purges: Vec<Invalidation>, soft: bool) -> Vec<Invalidation> {
    match soft {
        true => purges.into_iter().map(Invalidation::soft).collect(),
        false => purges,
    }
}

fn error(text: &str) -> String {
    format!("{{\"status\":\"error\",\"error\":{}}}", quoted(text))
}

/// Returns a text as a string of JSON.
fn quoted(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => escaped.extend(['\\', letter]),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    format!("\"{escaped}\"")
}

fn json(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl<B> Service<Request<B>> for Admin {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = AdminFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> AdminFuture {
        let ((parts, _), admin) = (request.into_parts(), self.clone());
        Box::pin(async move {
            let mut response = admin.answer(&parts).await;
            if parts.method == Method::HEAD {
                *response.body_mut() = Full::default();
            }
            Ok(response)
        })
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}
