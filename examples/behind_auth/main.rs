//! An API behind authentication, with a cache inside.
//!
//! Every caller sends a token of its own. All of them get the same price list, and each its own orders. A
//! shared cache stores no response to a request with credentials (RFC 9111 §3.5), so its hit rate is zero,
//! and its counters say why. Two words of rules say for whom the responses are: `auth=shared` for all
//! authorised callers, and `header=authorization` for each of them.
//!
//! ```sh
//! cargo run --release --example behind_auth
//! ```

use axum::{
    Extension, Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use scrimp::{
    ServiceBuilderExt,
    cache::{CacheLayer, MemoryStore, mib},
    coalesce::CoalesceLayer,
    core::BoxError,
    limit::LimitLayer,
    stampede::StampedeLayer,
};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

const TOKENS: [&str; 3] = ["ann", "bob", "carol"];

/// The caller, as authentication knows it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Caller(String);

/// Lets requests with a known token pass.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let field = request.headers().get(header::AUTHORIZATION);
    let token = field.and_then(|field| field.to_str().ok()?.strip_prefix("Bearer "));
    let Some(token) = token.filter(|token| TOKENS.contains(token)) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let caller = Caller(token.to_owned());
    request.extensions_mut().insert(caller);
    next.run(request).await
}

async fn orders(Extension(Caller(name)): Extension<Caller>) -> String {
    format!("orders of {name}")
}

/// Returns the API. Its layers stand in this order, the first outermost.
fn api(cache: CacheLayer) -> Result<Router, BoxError> {
    let per_caller = LimitLayer::per_second(100)
        .key(|parts| parts.extensions.get::<Caller>().cloned())
        .build()?;
    let layers = ServiceBuilder::new()
        .layer(from_fn(authenticate)) // sees every request: a hit does not come further than the cache
        .limit(per_caller) // knows the caller, and counts hits too
        .stampede(StampedeLayer::new())
        .cache(cache)
        .coalesce(CoalesceLayer::new());
    Ok(Router::new()
        .route("/prices", get(|| async { "apples 3, pears 4" }))
        .route("/orders", get(orders))
        .layer(layers))
}

/// A visit: its caller and page, the status, the verdict of the cache, and the text.
type Visit = (&'static str, &'static str, StatusCode, String, String);

/// Lets three callers and a stranger ask for both pages twice, over a socket.
async fn visited(rules: &[&str]) -> Result<(CacheLayer, Vec<Visit>), BoxError> {
    let mut cache = CacheLayer::for_origin(MemoryStore::new(mib(64)));
    for rule in rules {
        cache = cache.rule(*rule);
    }
    let cache = cache.build()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = api(cache.clone())?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let client = reqwest::Client::new();
    let mut visits = Vec::new();
    for page in ["/prices", "/orders"] {
        for caller in TOKENS.into_iter().chain(["mallory"]).cycle().take(8) {
            let request = client.get(format!("{url}{page}")).bearer_auth(caller);
            let response = request.send().await?;
            let verdict = response.headers().get("cache-status");
            let verdict = verdict.map_or(Ok("(not asked)"), |verdict| verdict.to_str())?;
            let (status, verdict) = (response.status(), verdict.to_owned());
            visits.push((caller, page, status, verdict, response.text().await?));
        }
    }
    server.abort();
    Ok((cache, visits))
}

/// Rules that say nothing of the callers, and rules that do.
const RULES: [&[&str]; 2] = [
    &["path=/prices ttl=1m", "path=/orders ttl=1m"],
    &[
        "path=/prices ttl=1m auth=shared",
        "path=/orders ttl=1m header=authorization",
    ],
];

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for rules in RULES {
        let (cache, visits) = visited(rules).await?;
        println!("{}", rules.join("\n"));
        for (caller, page, status, verdict, _) in visits {
            println!("  {caller:<8} {page} {}  {verdict}", status.as_u16());
        }
        let stats = cache.stats();
        println!("  {} hits, {} misses", stats.hits, stats.misses);
        for (reason, count) in stats.not_stored.iter().filter(|(_, count)| *count > 0) {
            println!("  {count} not stored: {reason}");
        }
        println!();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn callers_get_what_is_for_them_and_others_nothing() {
        for (rules, hits) in RULES.into_iter().zip([0, 5 + 3]) {
            let (cache, visits) = visited(rules).await.expect("visits");
            assert_eq!(cache.stats().hits, hits, "{rules:?}");
            for (caller, page, status, verdict, text) in visits {
                let known = TOKENS.contains(&caller);
                assert_eq!(status == StatusCode::OK, known, "{caller}");
                assert_eq!(verdict != "(not asked)", known, "{caller}");
                let expected = match (known, page) {
                    (false, _) => String::new(),
                    (true, "/orders") => format!("orders of {caller}"),
                    (true, _) => "apples 3, pears 4".to_owned(),
                };
                assert_eq!(text, expected, "{caller} {page}");
            }
        }
    }

    #[tokio::test]
    async fn a_hit_rate_of_zero_has_a_counter_that_says_why() {
        let (cache, visits) = visited(RULES[0]).await.expect("visits");
        assert!(visits[0].3.ends_with("; detail=authorization"));
        let stats = cache.stats();
        assert_eq!((stats.not_stored.authorization, stats.misses), (12, 12));
    }
}
