//! Rules for browsers: the pages that a session is expected to visit next.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST},
};
use scrimp_core::extensions::Tenant;
use scrimp_http::purpose::{SPECULATION_RULES_TYPE, page};
use tokio::sync::oneshot;
use tower_service::Service;

use crate::{
    common::Common,
    fetch::{Fetch, Fetched},
    message::{Message, Question, Rules},
    request::Event,
};

/// Answers browsers with the pages that their session is expected to visit next, as speculation rules (HTML
/// §7.6.1). Made by [`PrefetchLayer::speculation_rules`](crate::PrefetchLayer::speculation_rules).
///
/// Pages name this document in their `Speculation-Rules` field. The field is the same for all sessions, so any
/// cache may keep it with its page. The document belongs to one session and is never stored.
///
/// It is always ready, and never fails. Without a session, and where nothing is expected or pays, there are no
/// rules.
#[derive(Clone)]
pub struct SpeculationRules {
    common: Arc<Common>,
}

/// The response of [`SpeculationRules`].
pub struct SpeculationRulesFuture(Option<oneshot::Receiver<Rules>>, bool);

/// A service that is not known yet.
struct Unknown;

// === impl SpeculationRules ===

impl SpeculationRules {
    pub(crate) fn of(common: Arc<Common>) -> Self {
        Self { common }
    }

    fn ask<B>(&self, request: &Request<B>) -> Option<oneshot::Receiver<Rules>> {
        let shared = &self.common.shared;
        let (headers, extensions) = (request.headers(), request.extensions());
        let session = shared.names.session(&shared.config, headers, extensions)?;
        let (reply, answer) = oneshot::channel();
        let page = self.visit(request, session).map(Box::new);
        self.common.send(Message::Rules(Box::new(Question {
            session,
            page,
            reply,
        })));
        Some(answer)
    }

    /// Returns a visit of the page that asks.
    fn visit<B>(&self, request: &Request<B>, session: u64) -> Option<Event> {
        let shared = &self.common.shared;
        let (headers, uri) = (request.headers(), request.uri());
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = uri.authority().map(http::uri::Authority::as_str).or(host)?;
        let page = page(headers, authority)?;
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(page);
        let uri = Uri::from_parts(parts).ok()?;
        let tenant = request.extensions().get::<Tenant>();
        let version = request.version();
        Some(Event {
            session,
            target: shared.names.target(&uri, version, headers, tenant),
            uri,
            version,
            at: shared.config.fetching.clock.instant(),
            fetchable: None,
            is_guess: false,
            waited: true,
            fresh_for: None,
            headers: headers.clone(),
            tenant: tenant.cloned(),
            private_if: None,
            inner: Arc::new(Unknown),
        })
    }
}

impl<B> Service<Request<B>> for SpeculationRules {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = SpeculationRulesFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> SpeculationRulesFuture {
        let is_allowed = matches!(*request.method(), Method::GET | Method::HEAD);
        let answer = is_allowed.then(|| self.ask(&request)).flatten();
        SpeculationRulesFuture(answer, is_allowed)
    }
}

impl fmt::Debug for SpeculationRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpeculationRules")
    }
}

// === impl SpeculationRulesFuture ===

impl Future for SpeculationRulesFuture {
    type Output = Result<Response<String>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let rules = match &mut self.0 {
            // The queue was full, or the worker has ended: there are no rules.
            Some(answer) => std::task::ready!(Pin::new(answer).poll(cx)).unwrap_or_default(),
            None => Rules::default(),
        };
        self.0 = None;
        let mut response = Response::new(String::new());
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        if self.1 {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static(SPECULATION_RULES_TYPE),
            );
            *response.body_mut() = rules.json();
        } else {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        Poll::Ready(Ok(response))
    }
}

impl fmt::Debug for SpeculationRulesFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpeculationRulesFuture")
    }
}

// === impl Unknown ===

impl Fetch for Unknown {
    fn fetch(&self, _: Request<()>) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        Box::pin(std::future::ready(Fetched::Failed))
    }
}
