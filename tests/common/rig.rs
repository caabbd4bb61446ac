//! A cache over a scripted upstream.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use scrimp::{
    cache::{Cache, CacheBody, CacheLayer, CacheLayerBuilder, MemoryStore, Store},
    core::BoxError,
};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use tower::{Layer, ServiceExt};

/// Names and values of header fields.
pub type Fields<'a> = &'a [(&'static str, &'a str)];

/// A cache, its upstream, and its layer.
#[derive(Debug)]
pub struct Rig<St = MemoryStore> {
    /// The cache.
    pub cache: Cache<Scripted, St>,
    /// Record of the calls of the upstream.
    pub upstream: Upstream,
    /// The layer, for its statistics and its store.
    pub layer: CacheLayer<St>,
}

/// A response that was read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Makes a layer with 1 MiB of memory and these rules.
///
/// # Panics
///
/// If a rule is invalid.
#[must_use]
pub fn layer(rules: &[&str]) -> CacheLayer {
    builder(rules).build().expect("rules")
}

/// Returns the builder of such a layer.
pub fn builder(rules: &[&str]) -> CacheLayerBuilder<MemoryStore> {
    let builder = CacheLayer::builder(MemoryStore::new(1 << 20));
    let add = |builder: CacheLayerBuilder<_>, rule: &&str| builder.rule(*rule);
    rules.iter().fold(builder, add)
}

/// Returns a reply of known length.
///
/// # Panics
///
/// If the status or a field is invalid.
pub fn reply(status: u16, fields: Fields<'_>, body: &str) -> Reply {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut response = Response::new(ScriptedBody::new().data(body).sized());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status code");
    set(response.headers_mut(), fields);
    Reply::respond(response)
}

/// Returns a request without a body.
///
/// # Panics
///
/// If the method, the URI or a field is invalid.
#[must_use]
pub fn request(method: &str, uri: &str, fields: Fields<'_>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
    *request.uri_mut() = uri.parse().expect("a URI");
    set(request.headers_mut(), fields);
    request
}

fn set(headers: &mut HeaderMap, fields: Fields<'_>) {
    for (name, value) in fields {
        let value = http::HeaderValue::from_bytes(value.as_bytes());
        headers.append(*name, value.expect("a field value"));
    }
}

// === impl Rig ===

impl<St: Store> Rig<St> {
    /// Replies to every call.
    pub fn new(
        layer: CacheLayer<St>,
        answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::over(layer, Scripted::answering(answer))
    }

    /// Replies to the calls one by one.
    pub fn script(layer: CacheLayer<St>, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::over(layer, Scripted::script(replies))
    }

    fn over(layer: CacheLayer<St>, (service, upstream): (Scripted, Upstream)) -> Self {
        Self {
            cache: layer.layer(service),
            upstream,
            layer,
        }
    }

    /// Makes a rig over the worst upstream: its response contains everything that it received, and
    /// may be stored for a minute.
    #[must_use]
    pub fn reflecting(layer: CacheLayer<St>) -> Self {
        Self::new(layer, |parts| {
            let Parts {
                method,
                uri,
                headers,
                ..
            } = parts;
            let body = format!("{method} {uri} {headers:?}");
            reply(200, &[("cache-control", "max-age=60")], &body)
        })
    }

    /// Sends a request and leaves the body to the caller.
    ///
    /// # Errors
    ///
    /// If the upstream failed.
    pub async fn open(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<CacheBody<ScriptedBody>>, BoxError> {
        self.cache.clone().oneshot(request).await
    }

    /// Sends a request and reads the response.
    ///
    /// # Errors
    ///
    /// If the upstream failed, before or after the head.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
        Answer::read(self.open(request).await?).await
    }

    /// Sends a request and reads the response.
    ///
    /// # Panics
    ///
    /// If there is no response.
    pub async fn ask(&self, method: &str, uri: &str, fields: Fields<'_>) -> Answer {
        let answer = self.send(request(method, uri, fields)).await;
        answer.expect("a response")
    }

    /// Sends a plain GET.
    pub async fn get(&self, uri: &str) -> Answer {
        self.ask("GET", uri, &[]).await
    }
}

// === impl Answer ===

impl Answer {
    /// Reads a response to its end.
    ///
    /// # Errors
    ///
    /// If the body breaks off.
    pub async fn read<B>(response: Response<B>) -> Result<Self, BoxError>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (parts, body) = response.into_parts();
        Ok(Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.map_err(Into::into)?.to_bytes(),
        })
    }

    /// Returns a field's value, empty if it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap_or_default())
    }

    /// Reports whether the response came from store.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.header("cache-status").contains("; hit")
    }

    /// Reports whether the response is being stored.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.header("cache-status").contains("; stored")
    }

    /// Returns the body as text.
    ///
    /// # Panics
    ///
    /// If the body is not text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}
