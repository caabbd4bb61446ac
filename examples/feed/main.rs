//! A social feed: personal, expensive to make, and requested again and again.
//!
//! Each user's feed takes half a second and a cent to make. It cannot be cached for long or for
//! other users, but a phone that opens three tabs, retries and refreshes requests it many times
//! within seconds. Simultaneous equal requests share one call, and a feed of at most 30 seconds is
//! reused; a post ends the reuse at once.
//!
//! ```sh
//! cargo run --release --example feed
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, header::AUTHORIZATION},
    routing::get,
};
use futures_util::future::join_all;
use http_body_util::BodyExt;
use scrimp::{
    coalesce::{CoalesceLayer, ReuseWindow, SettingError},
    core::Money,
};
use tower::ServiceExt;

const USERS: usize = 20;

/// Simultaneous requests of one user.
const BURST: usize = 15;

/// Duration of making a feed.
const EFFORT: Duration = Duration::from_millis(500);

/// Price of a feed.
const PRICE: &str = "0.01";

/// Makes feeds, and counts them.
#[derive(Clone, Default)]
struct Generator {
    made: Arc<AtomicU64>,
}

/// Result of the bursts.
#[derive(Debug, PartialEq, Eq)]
struct Bill {
    requests: u64,
    made: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let price: Money = PRICE.parse()?;
    println!(
        "{USERS} users, {BURST} simultaneous requests each; a second burst; a third after a post"
    );
    println!("\n                   requests   feeds made      cost");
    for (name, layer) in [("without", None), ("with CoalesceLayer", Some(layer()?))] {
        let bill = visits(layer).await?;
        let cost = (price * bill.made).to_string();
        println!(
            "{name:<18} {:>8} {:>12} {cost:>9}",
            bill.requests, bill.made
        );
    }
    Ok(())
}

/// Makes the layer. Requests are told apart by everything that can matter, including credentials:
/// the key is personal by default.
fn layer() -> Result<CoalesceLayer, SettingError> {
    CoalesceLayer::builder()
        .window(ReuseWindow::new().time(Duration::from_secs(30)))
        .build()
}

/// Sends three bursts, the last one after a post. The post writes `/feed`, so that no feed is
/// reused.
async fn visits(layer: Option<CoalesceLayer>) -> Result<Bill, Box<dyn std::error::Error>> {
    let generator = Generator::default();
    let app = Router::new()
        .route("/feed", get(feed).post(|| async { "posted" }))
        .with_state(generator.clone());
    let app = match layer {
        Some(layer) => app.layer(layer),
        None => app,
    };
    let mut requests = 0;
    for posts in [false, false, true] {
        if posts {
            let post = Request::post("/feed").header("host", "social.example");
            app.clone().oneshot(post.body(Body::from("hello"))?).await?;
        }
        let asks = (0..USERS * BURST).map(|number| ask(app.clone(), number % USERS));
        for answer in join_all(asks).await {
            answer?;
            requests += 1;
        }
    }
    let made = generator.made.load(Relaxed);
    Ok(Bill { requests, made })
}

/// Requests a user's feed, and checks that it is the feed of this user.
async fn ask(app: Router, user: usize) -> Result<(), Box<dyn std::error::Error>> {
    let token = format!("Bearer user-{user}");
    let request = Request::get("/feed")
        .header("host", "social.example")
        .header(AUTHORIZATION, &token)
        .body(Body::empty())?;
    let body = app.oneshot(request).await?.into_body().collect().await?;
    let own = format!("the feed of {token}");
    if body.to_bytes() == own.as_bytes() {
        Ok(())
    } else {
        Err(format!("somebody else got {own}").into())
    }
}

async fn feed(State(generator): State<Generator>, headers: HeaderMap) -> String {
    generator.made.fetch_add(1, Relaxed);
    tokio::time::sleep(EFFORT).await;
    let user = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    format!("the feed of {}", user.unwrap_or("nobody"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_user_costs_one_feed_and_another_one_after_a_post() {
        let requests = (3 * USERS * BURST) as u64;
        let without = visits(None).await.expect("feeds");
        assert_eq!(
            without,
            Bill {
                requests,
                made: requests
            }
        );
        let with = visits(Some(layer().expect("a layer")))
            .await
            .expect("feeds");
        let made = (2 * USERS) as u64;
        assert_eq!(with, Bill { requests, made });
    }
}
