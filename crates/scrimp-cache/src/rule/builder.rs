//! The builder of rules.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::{Cookies, LearnedTtl, Parameters, QueryKey, Rule, Template, Ttl};
use crate::pattern::Pattern;

/// Builds a [`Rule`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RuleBuilder(pub(super) Rule);

// === impl RuleBuilder ===

impl RuleBuilder {
    /// Names the route in the ledger. Default: the path pattern.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Self {
        self.0.name = name.into();
        self
    }

    /// Adds a condition: the method is one of those given. GET includes HEAD.
    pub fn method(mut self, method: Method) -> Self {
        self.0.when.methods.push(method);
        self
    }

    /// Sets a condition: the host matches; `*` matches one label, `**` any number.
    pub fn host(mut self, pattern: &str) -> Self {
        self.0.when.host = Some(Pattern::host(pattern));
        self
    }

    /// Sets a condition: the path matches; `*` and `{name}` match one segment, `**` any number.
    pub fn path(mut self, pattern: &str) -> Self {
        self.0.when.path = Some(Pattern::path(pattern));
        self
    }

    /// Adds a condition: the request has the field.
    pub fn if_header(mut self, name: HeaderName) -> Self {
        self.0.when.headers.push((name, None));
        self
    }

    /// Adds a condition: the request has the field with this value.
    pub fn if_header_is(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.when.headers.push((name, Some(value)));
        self
    }

    /// Sets a condition: the response's media type matches, such as `image/*`.
    pub fn content_type(mut self, pattern: &str) -> Self {
        self.0.when.content_type = Some(Pattern::media_type(pattern));
        self
    }

    /// Adds a condition: the response's status is one of those given.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.0.when.statuses.push(status);
        self
    }

    /// Takes only these parameters of the query into the key, in any order.
    ///
    /// The others still reach the upstream. Leave out only parameters that do not change the
    /// response, or one client can choose the response of others.
    pub fn query<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        self.0.key.query = QueryKey::Only(Parameters::new(names));
        self
    }

    /// Leaves the query out of the key. [`query`](Self::query) describes the danger.
    pub fn no_query(mut self) -> Self {
        self.0.key.query = QueryKey::None;
        self
    }

    /// Adds to the key the value of a request field, such as a customer's tier. With all the
    /// [credentials](crate::CacheLayerBuilder::credentials) of a request in its key, each holder
    /// has its own responses, so these may be stored.
    pub fn header(mut self, name: HeaderName) -> Self {
        self.0.key.headers.push(name);
        self
    }

    /// Adds to the key the value of a cookie. The other cookies are ignored.
    pub fn cookie(mut self, name: impl Into<Box<str>>) -> Self {
        self.0.key.cookies.push(name.into());
        self
    }

    /// Shares responses among all authorised callers: a caller's credentials do not make the
    /// response personal (RFC 9111 §3.5).
    ///
    /// This is for a cache behind authentication, where the response is the same for everyone who
    /// may see it. **Authentication must run outside of the cache**: a request that reaches the
    /// cache counts as authorised, and may be answered from the store. `private`, `no-store` and
    /// Set-Cookie still keep a response from being stored, and so does a status that is about the
    /// credentials (401, 403, 407). Callers without credentials do not get these responses, nor the
    /// other way round. Cookies are another matter: see [`ignore_cookies`](Self::ignore_cookies).
    ///
    /// It contradicts [`header`](Self::header) with Authorization, which gives each caller its own
    /// responses. With another field, such as that of a tenant, each value has its own.
    pub fn shared_auth(mut self) -> Self {
        self.0.key.authorised = true;
        self
    }

    /// Sets the freshness lifetime, whatever the origin says, counted from arrival.
    /// [`Duration::MAX`] never ends.
    ///
    /// It applies to the status codes that RFC 9110 calls heuristically cacheable, except 405, 414
    /// and 501. These blame the request, and a client that can provoke one would have it stored
    /// for all callers. If [`status`](Self::status) names codes, it applies to those.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.0.ttl = Some(Ttl::Fixed(ttl));
        self
    }

    /// Learns the freshness lifetime of each key from its changes, between two bounds, in place of what
    /// the origin says.
    ///
    /// When a response is fetched again, its body is compared with the stored one; a 304 says that
    /// nothing has changed. From this follows how often the key changes, beginning with what is known
    /// of the rule's other keys, and at first with `min`. The lifetime is as long as
    /// [`stale_share`](Self::stale_share) allows. Changes that an invalidation has announced do not count.
    ///
    /// It suits resources that change at any time, without notice. One that changes at set times is better
    /// served by [`ttl_with`](Self::ttl_with), and one whose changes are announced by tags and
    /// invalidations. A body that is never twice the same (a time stamp, a nonce) gets `min`. What was
    /// learned is in [`CacheStats::learned`](crate::CacheStats); it is kept for about 16,000 keys in a
    /// process, and not stored.
    ///
    /// Both bounds are above zero and finite.
    pub fn learned_ttl(mut self, min: Duration, max: Duration) -> Self {
        let learned = LearnedTtl::new(min, max, LearnedTtl::STALE_PERCENT);
        self.0.ttl = Some(Ttl::Learned(learned));
        self
    }

    /// Sets the share of a fresh response's time in which it may be out of date under
    /// [`learned_ttl`](Self::learned_ttl), which comes first. Where the shortest lifetime is too long for
    /// it, the share is higher. Default: 5 %. Range: 0.1 to 50.
    ///
    /// If requests come at an even pace, this is the share of hits that are out of date. They are so for
    /// half of the lifetime on average.
    pub fn stale_share(mut self, percent: f64) -> Self {
        if let Some(Ttl::Learned(learned)) = &mut self.0.ttl {
            *learned = LearnedTtl::new(learned.min, learned.max, percent);
        }
        self
    }

    /// Sets the freshness lifetime as a function of request and response. If it returns `None`,
    /// the origin decides.
    pub fn ttl_with(
        mut self,
        ttl: impl Fn(&Request<()>, &Response<()>) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.0.ttl = Some(Ttl::With(Arc::new(ttl)));
        self
    }

    /// Sets the freshness lifetime of 404 and 410 responses.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.0.limits.negative_ttl = Some(ttl);
        self
    }

    /// Sets the shortest lifetime, including the origin's. It does not make a response storable.
    pub fn min_ttl(mut self, ttl: Duration) -> Self {
        self.0.limits.min_ttl = Some(ttl);
        self
    }

    /// Sets the longest lifetime, including the origin's.
    pub fn max_ttl(mut self, ttl: Duration) -> Self {
        self.0.limits.max_ttl = Some(ttl);
        self
    }

    /// Jitters each lifetime: shortens it at random by up to this percentage, so that responses
    /// stored together do not expire together. Range: 0 to 100.
    pub fn jitter(mut self, percent: f64) -> Self {
        // `build` reports any other value.
        self.0.limits.jitter = if (0.0..=100.0).contains(&percent) {
            (percent * 10.0).round() as u16
        } else {
            u16::MAX
        };
        self
    }

    /// Sets the size of the largest body that is stored, in bytes.
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.0.limits.max_body = Some(bytes);
        self
    }

    /// Serves stale for this long after expiry if the upstream fails, whatever the origin says of
    /// `stale-if-error`. With `must-revalidate`, this also needs
    /// [`override_origin`](Self::override_origin).
    pub fn fail_safe(mut self, staleness: Duration) -> Self {
        self.0.fail_safe = Some(staleness);
        self
    }

    /// Serves stale if the upstream takes longer than this, under the conditions for a failure.
    /// The call continues in the background, and no request waits for it twice. It has a
    /// [span](scrimp_core::background_span) of its own from its start.
    pub fn soft_timeout(mut self, time: Duration) -> Self {
        self.0.soft_timeout = Some(time);
        self
    }

    /// Stores event streams and the like, which are not stored otherwise: server-sent events, lines and
    /// sequences of JSON, `multipart/mixed`, gRPC ([`scrimp_http::media_type::is_stream`]).
    ///
    /// This is for streams that are finite and the same for all callers, such as the answers of a
    /// language model. The other conditions for storing stay: axum's `Sse` sends `no-cache`, which takes
    /// [`override_origin`](Self::override_origin), and [`ttl`](Self::ttl) gives a lifetime. Nothing
    /// waits for the end of a stream.
    ///
    /// A stream is stored once it has ended cleanly: without an error of the body, behind a whole
    /// event, and with no event that reports a failure ([`scrimp_http::stream`] has the details of
    /// each type). `data: [DONE]` is also an end, as clients of language models read no further. A
    /// stream in a content coding is not stored. A stored stream is sent as one frame per event, and
    /// without Content-Length unless it came with one.
    pub fn keep_events(mut self) -> Self {
        self.0.keep_events = true;
        self
    }

    /// Stores complete answers of language models only: neither calls of tools nor answers that a limit or a
    /// filter cut short, refusals and errors. [`Answer`](scrimp_llm::Answer) tells how each API writes
    /// these. What is in no known form is not stored.
    ///
    /// For streams it needs [`keep_events`](Self::keep_events) too, and for POST
    /// [`body_key`](Self::body_key). The answer is read once, when it is stored.
    #[cfg(feature = "llm")]
    pub fn complete_answers(mut self) -> Self {
        self.0.check.complete_answers = true;
        self
    }

    /// Adds a condition on the whole response: it is stored only if the function returns true. The body is as
    /// the upstream sent it, maybe in a content coding.
    ///
    /// It runs once for each response, after its last byte was passed on; a 304 that confirms a stored
    /// response is not asked about. Should it panic, the reader of the body gets the panic.
    pub fn store_if(
        mut self,
        condition: impl Fn(&Request<()>, &Response<()>, &Bytes) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.0.check.add(Arc::new(condition));
        self
    }

    /// Stores responses to POST by a digest of the request's body, as for GraphQL queries and
    /// calls to models. Only requests that passed a
    /// [`BodyDigestLayer`](scrimp_core::BodyDigestLayer) have one.
    pub fn body_key(mut self) -> Self {
        self.0.body_key = true;
        self
    }

    /// Tags the responses, so that they can be invalidated together.
    ///
    /// `{id}` is the match of `{id}` in the path pattern, `{query.page}` the value of a parameter,
    /// `{header.x-rev}` that of a response field. An absent value is empty. `@` before a number
    /// gives a version: `user:{id}@{header.x-rev}`.
    pub fn tag(mut self, template: &str) -> Self {
        self.0.tags.push(Template::new(template));
        self
    }

    /// Bypasses the cache: nothing is stored, nothing is served from the store.
    pub fn bypass(mut self) -> Self {
        self.0.bypass = true;
        self
    }

    /// Stores and serves responses to requests with cookies, as these do not change the response.
    pub fn ignore_cookies(mut self) -> Self {
        self.0.cookies = Some(Cookies::Ignore);
        self
    }

    /// Keeps clients from forcing calls, as a browser's reload does. Of a request's Cache-Control,
    /// `no-cache`, `no-store`, `max-age` and `min-fresh` are ignored (Pragma always is).
    /// `only-if-cached`, `max-stale` and `stale-if-error` are obeyed, as they save calls. Requests
    /// go on with all their fields.
    ///
    /// RFC 9111 §5.2.1 calls them advice. For a caller that needs a fresh response, use an
    /// invalidation, or a rule in front of this one (`if-header=`).
    pub fn ignore_client_control(mut self) -> Self {
        self.0.ignore_client_control = true;
        self
    }

    /// Stores responses that set cookies, which all callers then get.
    pub fn store_set_cookie(mut self) -> Self {
        self.0.store_set_cookie = true;
        self
    }

    /// Stores in spite of `no-store`, `private` and `no-cache`, for origins that send them by
    /// default.
    pub fn override_origin(mut self) -> Self {
        self.0.override_origin = true;
        self
    }
}
