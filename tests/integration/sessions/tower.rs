//! A site with sessions of tower-sessions.

use axum::{Extension, Router, routing::get};
use http::{Extensions, HeaderMap};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

use super::{Cacheable, Kind, Side, Wrap, cacheable, token};

pub(super) const KIND: Kind = Kind {
    name: "tower-sessions",
    site,
    is_private,
};

fn site(side: Side, wrap: &Wrap) -> Router {
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let routes = Router::new()
        .route("/page", get(|| async { cacheable("page") }))
        .route("/form", get(form))
        .route("/hello", get(hello))
        .route("/enter", get(enter));
    match side {
        Side::Outside => wrap(routes).layer(sessions),
        Side::Inside => wrap(routes.layer(sessions)),
    }
}

fn is_private(extensions: &Extensions, _: &HeaderMap) -> bool {
    let session = extensions.get::<Session>();
    session.is_some_and(|session| session.id().is_some() || session.is_modified())
}

/// Shows the visitor's token against forged requests, which the session keeps.
async fn form(Extension(session): Extension<Session>) -> Cacheable {
    let kept: Option<u64> = session.get("token").await.expect("a store in memory");
    let token = kept.unwrap_or_else(token);
    session.insert("token", token).await.expect("a number");
    cacheable(token.to_string())
}

async fn hello(Extension(session): Extension<Session>) -> Cacheable {
    let name: Option<String> = session.get("name").await.expect("a store in memory");
    cacheable(format!("hello {}", name.as_deref().unwrap_or("stranger")))
}

async fn enter(Extension(session): Extension<Session>) -> Cacheable {
    session.cycle_id().await.expect("a store in memory");
    session.insert("name", "ann").await.expect("a text");
    cacheable("welcome ann")
}
