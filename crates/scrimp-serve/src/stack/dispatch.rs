//! Finds the route of a request.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, Method, StatusCode,
    header::{CONTENT_LENGTH, WWW_AUTHENTICATE},
};
use http_body_util::Limited;
use scrimp_cache::{Admin, Pattern};
use scrimp_core::Problem;
use scrimp_gateway::GatewayService;
use scrimp_http::target;
use tower::{Service, ServiceExt, service_fn};

use crate::{
    config::{Config, Route},
    token::Token,
};

use super::{counts::Counts, parts::Parts, tenant::Finder};

/// The way of requests to their routes.
pub(super) struct Dispatch {
    entrances: Vec<Entrance>,
    tenants: Finder,
    max_body: Option<u64>,
    purge: Option<(Token, Admin)>,
    unrouted: Arc<Counts>,
}

/// A route, and the requests that it takes.
pub(super) struct Entrance {
    host: Option<Pattern>,
    path: Pattern,
    methods: Vec<Method>,
    app: GatewayService,
    counts: Arc<Counts>,
}

// === impl Entrance ===

impl Entrance {
    pub(super) fn new(route: &Route, app: GatewayService, counts: Arc<Counts>) -> Self {
        Self {
            host: route.host.as_deref().map(Pattern::host),
            path: Pattern::path(&route.path),
            methods: route.methods.clone(),
            app,
            counts,
        }
    }

    fn takes(&self, method: &Method, host: &str, path: &str) -> bool {
        (self.methods.is_empty() || self.methods.contains(method))
            && self
                .host
                .as_ref()
                .is_none_or(|pattern| pattern.matches(host))
            && self.path.matches(path)
    }
}

// === impl Dispatch ===

impl Dispatch {
    pub(super) fn new(config: &Config, entrances: Vec<Entrance>, parts: &Parts) -> Self {
        let admin = config.admin.as_ref().filter(|admin| admin.purge);
        let token = admin.and_then(|admin| admin.token.as_ref());
        Self {
            entrances,
            tenants: Finder::new(&config.tenants),
            max_body: config.server.max_body,
            purge: token.map(|token| (Token::new(token.reveal()), parts.cache.admin())),
            unrouted: parts.unrouted(),
        }
    }

    pub(super) fn service(self) -> GatewayService {
        let dispatch = Arc::new(self);
        GatewayService::new(service_fn(move |request| {
            let dispatch = Arc::clone(&dispatch);
            async move { Ok::<_, Infallible>(serve(&dispatch, request).await) }
        }))
    }

    fn find(&self, request: &Request) -> Option<&Entrance> {
        let authority = target::authority(request.uri(), request.headers());
        let host = target::host_without_port(authority.as_bytes());
        let host = std::str::from_utf8(host).unwrap_or_default();
        // An escape is the same path to the server behind.
        let path = target::normal(request.uri().path());
        let method = request.method();
        self.entrances
            .iter()
            .find(|route| route.takes(method, host, &path))
    }

    /// Refuses a body that is too long, at once if its length is known.
    fn bound(&self, request: Request) -> Result<Request, Problem> {
        let Some(most) = self.max_body else {
            return Ok(request);
        };
        let length = request.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > most) {
            let problem = Problem::new("serve", "body", StatusCode::PAYLOAD_TOO_LARGE);
            return Err(problem.detail(format!("the body is longer than {most} bytes")));
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(request.map(|body| Body::new(Limited::new(body, most))))
    }
}

async fn serve(dispatch: &Dispatch, mut request: Request) -> Response {
    if request.method().as_str() == "PURGE" {
        return purge(dispatch, request).await;
    }
    let Some(route) = dispatch.find(&request) else {
        let problem = Problem::new("serve", "route", StatusCode::NOT_FOUND);
        return refuse(
            &dispatch.unrouted,
            &problem.detail("no route takes this request"),
        );
    };
    if let Err(problem) = dispatch.tenants.settle(&mut request) {
        let mut response = refuse(&route.counts, &problem);
        let how = http::HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert::<HeaderName>(WWW_AUTHENTICATE, how);
        return response;
    }
    let request = match dispatch.bound(request) {
        Ok(request) => request,
        Err(problem) => return refuse(&route.counts, &problem),
    };
    let under_way = route.counts.begin();
    let response = route.app.clone().call(request).await;
    let response = response.unwrap_or_else(|never| match never {});
    under_way.answered(response.status());
    response
}

async fn purge(dispatch: &Dispatch, request: Request) -> Response {
    match &dispatch.purge {
        Some((token, admin)) if token.allows(request.headers()) => {
            let response = admin.clone().oneshot(request).await;
            response
                .unwrap_or_else(|never| match never {})
                .map(Body::new)
        }
        other => {
            let problem = Problem::new("serve", "purge", StatusCode::FORBIDDEN);
            let detail = match other {
                Some(_) => "PURGE needs the operators' token: `Authorization: Bearer …`",
                None => "PURGE is not allowed here: `[admin]` needs `purge = true`",
            };
            refuse(&dispatch.unrouted, &problem.detail(detail))
        }
    }
}

fn refuse(counts: &Arc<Counts>, problem: &Problem) -> Response {
    let response = problem.response().map(Body::from);
    counts.begin().answered(response.status());
    response.into_response()
}
