//! Building rules.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use super::{Cookies, KeySpec, Limits, QueryKey, Rule, Template, Ttl, When};
use crate::pattern::Pattern;

/// Builds a [`Rule`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RuleBuilder {
    name: Option<Box<str>>,
    methods: Vec<Method>,
    host: Option<Pattern>,
    path: Option<Pattern>,
    if_headers: Vec<(HeaderName, Option<HeaderValue>)>,
    content_type: Option<Pattern>,
    statuses: Vec<StatusCode>,
    query: QueryKey,
    headers: Vec<HeaderName>,
    cookies: Vec<Box<str>>,
    ttl: Option<Ttl>,
    limits: Limits,
    fail_safe: Option<Duration>,
    soft_timeout: Option<Duration>,
    body_key: bool,
    bypass: bool,
    ignore_cookies: bool,
    ignore_client_control: bool,
    store_set_cookie: bool,
    override_origin: bool,
    tags: Vec<Template>,
}

/// A rule that cannot be: what is wrong with it, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError(pub(super) String);

// === impl RuleBuilder ===

impl RuleBuilder {
    /// Names the route, for the ledger. Without it, the path pattern is the name.
    pub fn name(mut self, name: impl Into<Box<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Condition: the method is one of those given. GET stands for HEAD too.
    pub fn method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Condition: the host matches; `*` stands for one label, `**` for any number.
    pub fn host(mut self, pattern: &str) -> Self {
        self.host = Some(Pattern::host(pattern));
        self
    }

    /// Condition: the path matches; `*` and `{name}` stand for one segment, `**` for any
    /// number.
    pub fn path(mut self, pattern: &str) -> Self {
        self.path = Some(Pattern::path(pattern));
        self
    }

    /// Condition: the request has the field.
    pub fn if_header(mut self, name: HeaderName) -> Self {
        self.if_headers.push((name, None));
        self
    }

    /// Condition: the request has the field with this value.
    pub fn if_header_is(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.if_headers.push((name, Some(value)));
        self
    }

    /// Condition: the response's media type matches, such as `image/*`.
    pub fn content_type(mut self, pattern: &str) -> Self {
        self.content_type = Some(Pattern::media_type(pattern));
        self
    }

    /// Condition: the response's status is one of those given.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.statuses.push(status);
        self
    }

    /// Key: of the query only these parameters, in whatever order the request has them.
    ///
    /// What is left out of the key still reaches the upstream. Leave out only what does
    /// not change the answer, or one client can choose what the others get.
    pub fn query<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        names.sort();
        names.dedup();
        self.query = QueryKey::Only(names.into());
        self
    }

    /// Key: nothing of the query. See [`query`](Self::query) for the danger.
    pub fn no_query(mut self) -> Self {
        self.query = QueryKey::None;
        self
    }

    /// Key: the value of a request field, such as a customer's tier. With all the
    /// [credentials](crate::CacheLayer::credentials) of a request in its key, each holder has
    /// answers of their own, so these may be stored.
    pub fn header(mut self, name: HeaderName) -> Self {
        self.headers.push(name);
        self
    }

    /// Key: the value of a cookie. The other cookies are ignored.
    pub fn cookie(mut self, name: impl Into<Box<str>>) -> Self {
        self.cookies.push(name.into());
        self
    }

    /// The freshness lifetime, whatever the origin says of it, counted from when the answer
    /// came. [`Duration::MAX`] never ends.
    ///
    /// It goes for the status codes that RFC 9110 calls heuristically cacheable, but for 405,
    /// 414 and 501: these complain of the request, and whoever can provoke a complaint would
    /// have it stored for everybody. Where [`status`](Self::status) names a code, it goes for
    /// that.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(Ttl::Fixed(ttl));
        self
    }

    /// The freshness lifetime as a function of request and response. Where it returns
    /// `None` the origin's word counts.
    pub fn ttl_with(
        mut self,
        ttl: impl Fn(&Request<()>, &Response<()>) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.ttl = Some(Ttl::With(Arc::new(ttl)));
        self
    }

    /// The freshness lifetime of answers that say there is nothing: 404 and 410.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.limits.negative_ttl = Some(ttl);
        self
    }

    /// No lifetime is shorter than this, whoever gave it. What may not be stored is not
    /// stored all the same.
    pub fn min_ttl(mut self, ttl: Duration) -> Self {
        self.limits.min_ttl = Some(ttl);
        self
    }

    /// No lifetime is longer than this, whoever gave it.
    pub fn max_ttl(mut self, ttl: Duration) -> Self {
        self.limits.max_ttl = Some(ttl);
        self
    }

    /// Takes up to so many percent off each lifetime, by chance: what was stored together
    /// does not expire together. Between 0 and 100.
    pub fn jitter(mut self, percent: f64) -> Self {
        // Anything else is noticed by `build`.
        self.limits.jitter = if (0.0..=100.0).contains(&percent) {
            (percent * 10.0).round() as u16
        } else {
            u16::MAX
        };
        self
    }

    /// Larger bodies are not stored, in bytes.
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.limits.max_body = Some(bytes);
        self
    }

    /// Serves stale so long after expiry if the upstream fails, whatever the origin says of
    /// `stale-if-error`; where it says `must-revalidate`, only with
    /// [`override_origin`](Self::override_origin).
    pub fn fail_safe(mut self, staleness: Duration) -> Self {
        self.fail_safe = Some(staleness);
        self
    }

    /// Serves stale if the upstream takes longer than this, where a failure would let it
    /// be served too. The call goes on in the background, and nobody waits for it twice.
    pub fn soft_timeout(mut self, time: Duration) -> Self {
        self.soft_timeout = Some(time);
        self
    }

    /// Stores answers to POST by a digest of the request's body, as for GraphQL queries and
    /// calls to models. Only requests that went through a
    /// [`BodyDigestLayer`](scrimp_core::BodyDigestLayer) have one.
    pub fn body_key(mut self) -> Self {
        self.body_key = true;
        self
    }

    /// Tags the responses, so that they can be invalidated together.
    ///
    /// `{id}` stands for what `{id}` matched in the path pattern, `{query.page}` for the
    /// value of a parameter, `{header.x-rev}` for that of a response field. What is not
    /// there is empty. `@` in front of a number gives a version: `user:{id}@{header.x-rev}`.
    pub fn tag(mut self, template: &str) -> Self {
        self.tags.push(Template::new(template));
        self
    }

    /// Keeps the cache out of it: nothing is stored, nothing served from store.
    pub fn bypass(mut self) -> Self {
        self.bypass = true;
        self
    }

    /// Stores and serves although requests have cookies: they do not change the answer.
    pub fn ignore_cookies(mut self) -> Self {
        self.ignore_cookies = true;
        self
    }

    /// Keeps clients from forcing calls, as a browser's reload does: of a request's
    /// Cache-Control, `no-cache`, `no-store`, `max-age` and `min-fresh` are not heard
    /// (Pragma never is). `only-if-cached`, `max-stale` and `stale-if-error` are, as they
    /// save calls. Requests go on with all their fields.
    ///
    /// RFC 9111 §5.2.1 calls them advice. Who needs a fresh answer in spite of it can be
    /// served by an invalidation, or by a rule in front of this one (`if-header=`).
    pub fn ignore_client_control(mut self) -> Self {
        self.ignore_client_control = true;
        self
    }

    /// Stores although the response sets cookies, for everybody who gets it.
    pub fn store_set_cookie(mut self) -> Self {
        self.store_set_cookie = true;
        self
    }

    /// Stores in spite of `no-store`, `private` and `no-cache`, for origins that send them
    /// out of habit.
    pub fn override_origin(mut self) -> Self {
        self.override_origin = true;
        self
    }

    /// The rule.
    ///
    /// # Errors
    ///
    /// If a part of it can never have an effect.
    pub fn build(self) -> Result<Rule, RuleError> {
        let needs_response = self.content_type.is_some() || !self.statuses.is_empty();
        let has_key =
            self.query != QueryKey::All || !self.headers.is_empty() || !self.cookies.is_empty();
        let wrong = |text: &str| Err(RuleError(text.into()));
        if needs_response && (has_key || self.ignore_cookies) {
            return wrong(
                "a rule with a condition on the response (content-type, status) cannot choose \
                 the key (query, header, cookie): the key is needed before there is a \
                 response; make two rules of it",
            );
        }
        if self.bypass && (has_key || self.ttl.is_some()) {
            return wrong("a rule that bypasses the cache has no use for a key or a TTL");
        }
        if self.limits.jitter > 1000 {
            return wrong("a jitter is a percentage between 0 and 100");
        }
        if let (Some(min), Some(max)) = (self.limits.min_ttl, self.limits.max_ttl)
            && min > max
        {
            return wrong("the shortest lifetime (min-ttl) is longer than the longest (max-ttl)");
        }
        if needs_response
            && (self.soft_timeout.is_some() || self.body_key || self.ignore_client_control)
        {
            return wrong(
                "a rule with a condition on the response (content-type, status) comes too \
                 late for soft-timeout, body-key and ignore-client-control; make two rules of it",
            );
        }
        if let Some(path) = &self.path
            && !path.as_str().starts_with(['/', '*'])
        {
            return wrong(&format!(
                "the path pattern {:?} never matches: a path begins with `/`",
                path.as_str()
            ));
        }
        if self.headers.contains(&header::COOKIE) {
            return wrong("name the cookies that matter with `cookie=`, not the whole field");
        }
        let name = self.name.unwrap_or_else(|| {
            let path = self.path.as_ref().map(Pattern::as_str);
            path.or(self.host.as_ref().map(Pattern::as_str))
                .unwrap_or("*")
                .into()
        });
        let keyed_cookies = !self.cookies.is_empty();
        Ok(Rule {
            name,
            when: When {
                methods: self.methods.into(),
                host: self.host,
                path: self.path,
                headers: self.if_headers.into(),
                content_type: self.content_type,
                statuses: self.statuses.into(),
            },
            key: KeySpec {
                query: self.query,
                headers: self.headers.into(),
                cookies: self.cookies.into(),
            },
            ttl: self.ttl,
            limits: self.limits,
            fail_safe: self.fail_safe,
            soft_timeout: self.soft_timeout,
            body_key: self.body_key,
            ignore_client_control: self.ignore_client_control,
            bypass: self.bypass,
            cookies: (self.ignore_cookies || keyed_cookies).then_some(Cookies::Ignore),
            store_set_cookie: self.store_set_cookie,
            override_origin: self.override_origin,
            tags: self.tags.into(),
        })
    }
}

// === impl RuleError ===

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}
