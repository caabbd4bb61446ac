//! The operator's side: the live page, figures, purges, health and reloads.
//!
//! | request | token | answer |
//! |---|---|---|
//! | `GET /` | no | the live page, which asks for the token; it holds no figure |
//! | `GET /healthz` | no | 200 while the process runs |
//! | `GET /readyz` | no | 200 while it takes requests, 503 while it stops |
//! | `GET /metrics` | yes | figures for Prometheus |
//! | `GET /live` | yes | the same figures as server-sent events, one each second |
//! | `POST /reload` | yes | reads the configuration again |
//! | `GET /stats`, `POST /purge?…`, `POST /erase?…`, `PURGE …` | yes | as [`scrimp_cache::Admin`] |

mod page;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
    request::Parts,
};
use scrimp_audit::AuditLayer;
use scrimp_core::Problem;
use tower::ServiceExt;

use crate::{
    figures::{PERIOD, Snapshot},
    live::Live,
    token::Token,
};

/// The address for operators.
#[derive(Clone)]
pub(crate) struct AdminSite {
    live: Arc<Live>,
}

// === impl AdminSite ===

impl AdminSite {
    pub(crate) fn router(live: Arc<Live>) -> Router {
        let audit = live.stack().parts.audit.clone();
        let router = Router::new().fallback(answer).with_state(Self { live });
        match audit {
            Some(audit) => router
                .layer(AuditLayer::new(&audit).only(changes))
                .layer(AuditLayer::refusals(&audit)),
            None => router,
        }
    }

    /// Reports whether a request may see figures and purge. The token is that of the latest
    /// configuration; without the section there is none that is right.
    fn allows(&self, request: &Request) -> bool {
        let stack = self.live.stack();
        let Some(admin) = &stack.config.admin else {
            return false;
        };
        match &admin.token {
            Some(token) => Token::new(token.reveal()).allows(request.headers()),
            None => true,
        }
    }
}

/// Reports whether a request may change something.
fn changes(request: &Parts) -> bool {
    !matches!(request.method, Method::GET | Method::HEAD)
}

async fn answer(State(site): State<AdminSite>, request: Request) -> Response {
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/" if is_get => return page::page(),
        "/healthz" if is_get => return text(StatusCode::OK, "ok\n"),
        "/readyz" if is_get && site.live.is_stopping() => {
            return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
        }
        "/readyz" if is_get => return text(StatusCode::OK, "ready\n"),
        _ => {}
    }
    if !site.allows(&request) {
        let problem = Problem::new("serve", "token", StatusCode::UNAUTHORIZED);
        let problem = problem.detail("send the token as `Authorization: Bearer …`");
        let mut response = problem.response().map(Body::from);
        let how = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, how);
        return response;
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            typed(
                StatusCode::OK,
                kind,
                Body::from(site.live.snapshot().series.to_prometheus()),
            )
        }
        (&Method::GET, "/live") => typed(StatusCode::OK, "text/event-stream", events(site.live)),
        (&Method::POST, "/reload") => reload(site.live).await,
        _ => {
            let admin = site.live.stack().parts.cache.admin();
            let response = admin.oneshot(request).await;
            response
                .unwrap_or_else(|never| match never {})
                .map(Body::new)
        }
    }
}

async fn reload(live: Arc<Live>) -> Response {
    // It reads files.
    match tokio::task::spawn_blocking(move || live.reload()).await {
        Ok(Ok(told)) => text(StatusCode::OK, &format!("{told}\n")),
        Ok(Err(error)) => text(StatusCode::UNPROCESSABLE_ENTITY, &format!("{error}\n")),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

/// Returns one event each second, the first at once.
fn events(live: Arc<Live>) -> Body {
    let ticks = tokio::time::interval(PERIOD);
    let events = stream::unfold((live, ticks), async |(live, mut ticks)| {
        ticks.tick().await;
        if live.is_stopping() {
            return None;
        }
        let event = event(&live.snapshot());
        Some((
            Ok::<_, std::convert::Infallible>(Bytes::from(event)),
            (live, ticks),
        ))
    });
    Body::from_stream(events.boxed())
}

fn event(snapshot: &Snapshot) -> String {
    let Snapshot { sequence, series } = snapshot;
    format!("id: {sequence}\ndata: {}\n\n", series.to_json())
}

fn text(status: StatusCode, text: &str) -> Response {
    typed(
        status,
        "text/plain; charset=utf-8",
        Body::from(text.to_owned()),
    )
}

fn typed(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let fields: [(HeaderName, &'static str); 3] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fields {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
