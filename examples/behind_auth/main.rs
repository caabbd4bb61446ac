//! An API behind authentication, with a cache inside.
//!
//! Every caller sends a token of its own, and all of them get the same price list. A shared cache
//! stores no response to a request with credentials (RFC 9111 §3.5), so its hit rate is zero, and
//! its counters say why. The rule word `auth=shared` declares that all authorised callers share
//! the responses, because authentication runs outside of the cache.
//!
//! ```sh
//! cargo run --release --example behind_auth
//! ```

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use scrimp::{
    cache::{CacheLayer, MemoryStore},
    core::BoxError,
};
use tokio::net::TcpListener;

const TOKENS: [&str; 3] = ["ann", "bob", "carol"];
const MALLORY: &str = "mallory";

/// One visit: its caller, the status, and the verdict of the cache.
type Visit = (&'static str, StatusCode, String);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for rule in ["path=/prices ttl=1m", "path=/prices ttl=1m auth=shared"] {
        let (cache, visits) = visited(rule).await?;
        println!("{rule}");
        for (caller, status, verdict) in visits {
            println!("  {caller:<8} {}  {verdict}", status.as_u16());
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

/// Returns the API. Of two layers, the one that is added last is outermost.
fn api(cache: CacheLayer) -> Router {
    Router::new()
        .route("/prices", get(|| async { "apples 3, pears 4" }))
        .layer(cache)
        .layer(from_fn(authenticate))
}

/// Lets requests with a known token pass.
async fn authenticate(request: Request, next: Next) -> Response {
    let field = request.headers().get(header::AUTHORIZATION);
    let token = field.and_then(|field| field.to_str().ok()?.strip_prefix("Bearer "));
    match token.is_some_and(|token| TOKENS.contains(&token)) {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// Lets everyone ask twice, over a socket.
async fn visited(rule: &str) -> Result<(CacheLayer, Vec<Visit>), BoxError> {
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .rule(rule)
        .build()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/prices", listener.local_addr()?);
    let app = api(cache.clone());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let client = reqwest::Client::new();
    let mut visits = Vec::new();
    for caller in TOKENS.into_iter().chain([MALLORY]).cycle().take(8) {
        let response = client.get(&url).bearer_auth(caller).send().await?;
        let verdict = response.headers().get("cache-status");
        let verdict = verdict.map_or(Ok("(not asked)"), |verdict| verdict.to_str())?;
        visits.push((caller, response.status(), verdict.to_owned()));
        response.text().await?;
    }
    server.abort();
    Ok((cache, visits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn authorised_callers_share_what_the_rule_lets_them_and_others_get_nothing() {
        for (rule, hits) in [
            ("path=/prices ttl=1m", 0),
            ("path=/prices ttl=1m auth=shared", 5),
        ] {
            let (cache, visits) = visited(rule).await.expect("visits");
            assert_eq!(cache.stats().hits, hits, "{rule}");
            for (caller, status, verdict) in visits {
                let known = TOKENS.contains(&caller);
                assert_eq!(status == StatusCode::OK, known, "{caller}");
                assert_eq!(verdict != "(not asked)", known, "{caller}");
            }
        }
    }

    #[tokio::test]
    async fn a_hit_rate_of_zero_has_a_counter_that_says_why() {
        let (cache, visits) = visited("path=/prices ttl=1m").await.expect("visits");
        assert!(visits[0].2.ends_with("; detail=authorization"));
        let stats = cache.stats();
        assert_eq!((stats.not_stored.authorization, stats.misses), (6, 6));
    }
}
