//! A site with logins of axum-login.

use std::convert::Infallible;

use axum::{Router, routing::get};
use axum_login::{
    AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, tower_sessions::Session,
};
use http::{Extensions, HeaderMap};
use tower_sessions_of_axum_login::{MemoryStore, SessionManagerLayer};

use super::{Cacheable, Kind, Side, Wrap, cacheable, token};

pub(super) const KIND: Kind = Kind {
    name: "axum-login",
    site,
    is_private,
};

#[derive(Debug, Clone)]
struct User(String);

/// Users by their names alone.
#[derive(Debug, Clone)]
struct Users;

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.0.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = String;
    type Error = Infallible;

    async fn authenticate(&self, name: String) -> Result<Option<User>, Infallible> {
        Ok(Some(User(name)))
    }

    async fn get_user(&self, name: &String) -> Result<Option<User>, Infallible> {
        Ok(Some(User(name.clone())))
    }
}

fn site(side: Side, wrap: &Wrap) -> Router {
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let logins = AuthManagerLayerBuilder::new(Users, sessions).build();
    let routes = Router::new()
        .route("/page", get(|| async { cacheable("page") }))
        .route("/form", get(form))
        .route("/hello", get(hello))
        .route("/enter", get(enter));
    match side {
        Side::Outside => wrap(routes).layer(logins),
        Side::Inside => wrap(routes.layer(logins)),
    }
}

fn is_private(extensions: &Extensions, _: &HeaderMap) -> bool {
    let session = extensions.get::<Session>();
    session.is_some_and(|session| session.id().is_some() || session.is_modified())
}

/// Shows the visitor's token against forged requests, which the session keeps.
async fn form(auth: AuthSession<Users>) -> Cacheable {
    let kept: Option<u64> = auth.session.get("token").await.expect("a store in memory");
    let token = kept.unwrap_or_else(token);
    auth.session.insert("token", token).await.expect("a number");
    cacheable(token.to_string())
}

async fn hello(auth: AuthSession<Users>) -> Cacheable {
    let name = auth.user.as_ref().map_or("stranger", |user| &user.0);
    cacheable(format!("hello {name}"))
}

async fn enter(mut auth: AuthSession<Users>) -> Cacheable {
    let user = auth.authenticate("ann".to_owned()).await;
    let user = user.expect("users by name").expect("a user");
    auth.login(&user).await.expect("a store in memory");
    cacheable("welcome ann")
}
