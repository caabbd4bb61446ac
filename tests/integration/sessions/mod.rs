//! Session layers of other people, outside and inside of the layers that share responses.
//!
//! A session layer outside sets a visitor's cookie after the response was stored or shared. Each
//! law shows first what happens without `private_if`.

mod login;
mod tower;

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use ::tower::ServiceExt;
use axum::{Router, body::Body, middleware::map_request};
use futures_util::future::join_all;
use http::{Extensions, HeaderMap, Request, header};
use http_body_util::BodyExt;
use scrimp::{
    cache::{CacheLayer, CacheLayerBuilder, MemoryStore},
    coalesce::{CoalesceLayer, CoalesceLayerBuilder},
};
use scrimp_http::cookie;
use scrimp_tests::Server;

const KINDS: [Kind; 2] = [tower::KIND, login::KIND];

/// A crate of sessions, and the lines of its documentation here.
struct Kind {
    name: &'static str,
    site: fn(Side, &Wrap) -> Router,
    is_private: fn(&Extensions, &HeaderMap) -> bool,
}

/// Place of the session layer.
#[derive(Debug, Clone, Copy)]
enum Side {
    Outside,
    Inside,
}

/// Puts a layer around routes.
type Wrap = dyn Fn(Router) -> Router;

/// A response that the origin lets caches keep for a minute.
type Cacheable = ([(header::HeaderName, &'static str); 1], String);

/// A page as a visitor gets it.
#[derive(Debug)]
struct Page {
    text: String,
    status: String,
    cookie: Option<String>,
}

fn cacheable(text: impl Into<String>) -> Cacheable {
    ([(header::CACHE_CONTROL, "max-age=60")], text.into())
}

fn token() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

fn cache() -> CacheLayerBuilder {
    CacheLayer::builder(MemoryStore::new(1 << 20))
}

/// Returns a site with a cache, on a socket.
async fn cached(kind: &Kind, side: Side, cache: CacheLayerBuilder) -> Server {
    let cache = cache.build().expect("settings");
    Server::start((kind.site)(side, &move |routes| {
        routes.layer(cache.clone())
    }))
    .await
}

async fn visit(site: &Server, path: &str, cookie: Option<&str>) -> Page {
    let mut request = reqwest::Client::new().get(site.url(path));
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let response = request.send().await.expect("an answer");
    let field = |name| {
        let value = response.headers().get(name)?;
        Some(value.to_str().expect("visible ASCII").to_owned())
    };
    Page {
        status: field("cache-status").unwrap_or_default(),
        cookie: field("set-cookie")
            .map(|cookie| cookie.split(';').next().unwrap_or_default().to_owned()),
        text: response.text().await.expect("a page"),
    }
}

#[tokio::test]
async fn two_visitors_get_two_tokens_with_sessions_on_either_side_of_the_cache() {
    for kind in KINDS {
        let site = cached(&kind, Side::Outside, cache()).await;
        let [ann, bob] = [
            visit(&site, "/form", None).await,
            visit(&site, "/form", None).await,
        ];
        assert_eq!(ann.text, bob.text, "{}: the harm", kind.name);
        assert!(ann.cookie.is_some(), "{}", kind.name);

        let private = cache().private_if(kind.is_private);
        for (side, cache) in [(Side::Outside, private), (Side::Inside, cache())] {
            let site = cached(&kind, side, cache).await;
            let mut seen = Vec::new();
            for _ in 0..3 {
                let page = visit(&site, "/form", None).await;
                assert!(!seen.contains(&page.text), "{} {side:?}", kind.name);
                // The visitor has the session that the token belongs to.
                let again = visit(&site, "/form", page.cookie.as_deref()).await;
                assert_eq!(again.text, page.text, "{} {side:?}", kind.name);
                seen.extend([page.text]);
            }
        }
    }
}

#[tokio::test]
async fn pages_that_no_session_touches_are_shared_by_visitors_without_one() {
    for kind in KINDS {
        for side in [Side::Outside, Side::Inside] {
            let site = cached(&kind, side, cache().private_if(kind.is_private)).await;
            let (first, next) = (
                visit(&site, "/page", None).await,
                visit(&site, "/page", None).await,
            );
            assert!(!first.status.contains("; hit"), "{} {side:?}", kind.name);
            assert!(next.status.contains("; hit"), "{} {side:?}", kind.name);
        }
    }
}

#[tokio::test]
async fn a_page_that_logs_its_visitor_in_is_not_stored() {
    for kind in KINDS {
        let site = cached(&kind, Side::Outside, cache().private_if(kind.is_private)).await;
        for _ in 0..2 {
            let page = visit(&site, "/enter", None).await;
            assert!(
                page.status.ends_with("; detail=private-if"),
                "{}: {page:?}",
                kind.name
            );
            assert!(page.cookie.is_some(), "{}: a session of its own", kind.name);
        }
    }
}

/// Returns the greetings of one who has logged in, and of a stranger after that.
async fn greetings(kind: &Kind, side: Side, cache: CacheLayerBuilder) -> [String; 2] {
    // Cookies hold more than the session here, and the operator says that they change no page.
    let cache = cache.rule("path=/** ignore-cookies");
    let site = cached(kind, side, cache).await;
    let session = visit(&site, "/enter", None).await.cookie;
    let ann = visit(&site, "/hello", session.as_deref()).await;
    let stranger = visit(&site, "/hello", None).await;
    [ann.text, stranger.text]
}

#[tokio::test]
async fn a_page_for_one_who_has_logged_in_goes_to_no_stranger_although_cookies_are_ignored() {
    let own = ["hello ann", "hello stranger"];
    for kind in KINDS {
        for side in [Side::Outside, Side::Inside] {
            let harm = greetings(&kind, side, cache()).await;
            assert_eq!(harm, ["hello ann"; 2], "{} {side:?}: the harm", kind.name);
        }
        let outside = cache().private_if(kind.is_private);
        let outside = greetings(&kind, Side::Outside, outside).await;
        assert_eq!(outside, own, "{} outside", kind.name);
        // The session is not among the extensions yet, so its cookie has to be named.
        let inside =
            cache().private_if(|_, headers| cookie::values(headers, "id").next().is_some());
        let inside = greetings(&kind, Side::Inside, inside).await;
        assert_eq!(inside, own, "{} inside", kind.name);
    }
}

/// Returns how many different tokens five visitors get who ask at the same time. The layer in
/// question is put around the slow routes.
async fn tokens<L>(kind: &Kind, side: Side, layer: L) -> usize
where
    L: Fn(Router) -> Router + Send + Sync + 'static,
{
    let site = (kind.site)(side, &move |routes| {
        // The call takes a while, so that all five are there before it ends.
        let slow = map_request(|request: Request<Body>| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            request
        });
        layer(routes.layer(slow))
    });
    let visits = (0..5).map(|_| {
        let request = Request::get("/form").body(Body::empty());
        let visit = site.clone().oneshot(request.expect("a request"));
        async {
            let page = visit.await.expect("an answer").into_body().collect().await;
            page.expect("a page").to_bytes()
        }
    });
    join_all(visits)
        .await
        .into_iter()
        .collect::<HashSet<_>>()
        .len()
}

#[tokio::test(start_paused = true)]
async fn visitors_at_the_same_time_get_tokens_of_their_own_on_either_side_of_the_coalescer() {
    for kind in KINDS {
        let count = async |side, coalesce: CoalesceLayerBuilder| {
            let coalesce = coalesce.build().expect("settings");
            tokens(&kind, side, move |routes| routes.layer(coalesce.clone())).await
        };
        let new = CoalesceLayer::builder;
        let private = new().private_if(kind.is_private);
        assert_eq!(
            count(Side::Outside, new()).await,
            1,
            "{}: the harm",
            kind.name
        );
        assert_eq!(count(Side::Outside, private).await, 5, "{}", kind.name);
        assert_eq!(count(Side::Inside, new()).await, 5, "{}", kind.name);
    }
}

#[tokio::test(start_paused = true)]
async fn one_setting_on_the_cache_covers_a_coalescer_inside_of_it() {
    for kind in KINDS {
        let private = cache().private_if(kind.is_private);
        for (cache, expected) in [(cache(), 1), (private, 5)] {
            let cache = cache.build().expect("settings");
            let both = move |routes: Router| {
                let routes = routes.layer(CoalesceLayer::new());
                routes.layer(cache.clone())
            };
            assert_eq!(
                tokens(&kind, Side::Outside, both).await,
                expected,
                "{}",
                kind.name
            );
        }
    }
}
