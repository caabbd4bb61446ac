//! A product catalogue with changing prices. Pages are cached by category, page and customer tier,
//! with a freshness lifetime per category. A price event invalidates exactly the pages that show
//! the price, and popular pages are fetched before the shop opens.
//!
//! Time is virtual: a call takes 45 ms of it.
//!
//! ```sh
//! cargo run --release --example catalogue
//! ```

mod shop;

use std::time::Duration;

use axum::{Router, body::Body};
use futures_util::{StreamExt, stream::unfold};
use http::{Request, Response};
use http_body_util::BodyExt;
use scrimp::{
    cache::{CacheLayer, Invalidation, MemoryStore, Rule},
    core::{BoxError, Ledger},
};
use tokio::{sync::mpsc, time::Instant};
use tower::ServiceExt;

use shop::{CATEGORY, Shop};

/// Price event of the shop's event bus.
struct PriceUpdated {
    product: u64,
    category: &'static str,
}

const PAGES: [&str; 6] = [
    "/products/1",
    "/products/2",
    "/products?category=electronics&page=1",
    "/products?page=1&category=electronics&utm_source=mail",
    "/products?category=books&page=1",
    "/products?category=garden&page=1",
];

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let ledger = Ledger::new();
    let cache = cache(&ledger)?;

    // Events are followed in the background while the shop is open.
    let (events, bus) = mpsc::unbounded_channel();
    let invalidator = cache.invalidator();
    tokio::spawn(async move {
        let bus = unfold(bus, |mut bus: mpsc::UnboundedReceiver<_>| async {
            Some((bus.recv().await?, bus))
        });
        invalidator
            .follow(bus.boxed(), |event| meaning(&event))
            .await;
    });

    let shop = Shop::default();
    let app = shop.router().layer(cache);

    println!("before the opening: popular categories are fetched");
    visit(&app, &PAGES[2..3]).await?;
    println!("\nfirst visit");
    visit(&app, &PAGES).await?;
    println!("\nsecond visit");
    visit(&app, &PAGES).await?;

    shop.set_price(1, 79);
    events.send(PriceUpdated {
        product: 1,
        category: "electronics",
    })?;
    tokio::task::yield_now().await; // lets the follower hear of it
    println!("\nproduct 1 now costs 79: it and the lists of electronics are gone");
    visit(&app, &PAGES).await?;

    tokio::time::sleep(Duration::from_secs(130)).await;
    println!("\nafter 2 min 10 s: electronics have expired, garden and books have not");
    visit(&app, &PAGES[2..]).await?;

    println!("\nroute      calls made        avoided");
    for line in ledger.lines() {
        println!(
            "{:<9} {:>5} {:>8} {:>7} {:>8}",
            line.route,
            line.calls_made,
            line.spent.to_string(),
            line.calls_avoided,
            line.saved.to_string()
        );
    }
    Ok(())
}

fn cache(ledger: &Ledger) -> Result<CacheLayer, BoxError> {
    let list = Rule::builder()
        .name("list")
        .path("/products")
        .query(["category", "page"])
        .header(http::HeaderName::from_static("x-customer-tier"))
        .tag("products:list:{query.category}:{query.page}")
        .ttl_with(lifetime);
    let product = Rule::builder()
        .name("product")
        .path("/products/{id}")
        .tag("product:{id}")
        .ttl_with(lifetime);
    Ok(CacheLayer::for_origin(MemoryStore::new(64 << 20))
        .ledger(ledger.clone())
        .price("0.01")
        .rule(list.build()?)
        .rule(product.build()?)
        .build()?)
}

/// Returns the lifetime: prices of electronics change often, those of books rarely.
fn lifetime(_: &Request<()>, response: &Response<()>) -> Option<Duration> {
    let category = response.headers().get(CATEGORY)?;
    let minutes = match category.as_bytes() {
        b"electronics" => 2,
        b"books" => 30,
        _ => 10,
    };
    Some(Duration::from_secs(60 * minutes))
}

/// Returns the invalidations of an event.
fn meaning(event: &PriceUpdated) -> [Invalidation; 2] {
    [
        Invalidation::tag(format!("product:{}", event.product)),
        Invalidation::prefix(format!("products:list:{}:", event.category)),
    ]
}

async fn visit(app: &Router, pages: &[&str]) -> Result<(), BoxError> {
    for page in pages {
        let (body, status, took) = read(app, page).await?;
        println!("  {page:<54} {took:>6?}  {body:<44} {status}");
    }
    Ok(())
}

/// Returns the page of a gold customer, the Cache-Status, and the time taken.
async fn read(app: &Router, page: &str) -> Result<(String, String, Duration), BoxError> {
    let request = Request::get(page)
        .header("x-customer-tier", "gold")
        .body(Body::empty())?;
    let asked = Instant::now();
    let (head, body) = app.clone().oneshot(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    let status = head.headers["cache-status"].to_str()?.to_owned();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok((body, status, asked.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_price_event_nobody_sees_the_old_price_and_other_pages_stay() {
        let cache = cache(&Ledger::new()).unwrap();
        let (invalidator, shop) = (cache.invalidator(), Shop::default());
        let app = shop.router().layer(cache);
        let price = async |page: &str| {
            let (body, _, took) = read(&app, page).await.unwrap();
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            (value["price"].as_u64().unwrap(), took.as_millis())
        };
        for page in PAGES {
            price(page).await;
        }
        assert_eq!(price(PAGES[0]).await, (101, 0));
        shop.set_price(1, 79);
        for invalidation in meaning(&PriceUpdated {
            product: 1,
            category: "electronics",
        }) {
            invalidator.invalidate(&invalidation);
        }
        assert_eq!(price(PAGES[0]).await, (79, 45));
        assert_eq!(price(PAGES[2]).await, (79, 45));
        assert_eq!(
            price(PAGES[3]).await,
            (79, 0),
            "one key, whatever the order of the query"
        );
        for page in [PAGES[1], PAGES[4], PAGES[5]] {
            assert_eq!(price(page).await.1, 0, "{page} shows no price of it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_category_is_kept_for_its_own_time() {
        let shop = Shop::default();
        let app = shop.router().layer(cache(&Ledger::new()).unwrap());
        let calls = async || {
            let before = shop.calls();
            for page in [PAGES[2], PAGES[4], PAGES[5]] {
                read(&app, page).await.unwrap();
            }
            shop.calls() - before
        };
        assert_eq!(calls().await, 3);
        for (later, made) in [(121, 1), (481, 2), (1_201, 3)] {
            tokio::time::sleep(Duration::from_secs(later)).await;
            assert_eq!(calls().await, made, "{later} s later");
        }
    }
}
