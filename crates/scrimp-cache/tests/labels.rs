//! Models and tags that calls and hits are booked under.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::{
    Dimension, Ledger,
    extensions::{CalledModel, CostTags, Priority},
};
use tower::{Layer, ServiceExt, service_fn};

/// Requests a page, with tags if there are any, and reads it to its end.
fn ask(layer: &CacheLayer<MemoryStore>, tags: Option<&CostTags>) {
    let origin = service_fn(|_: Request<Full<Bytes>>| async {
        let mut response = Response::new(Full::<Bytes>::from("answer"));
        let value = "max-age=600".parse().expect("a value");
        response.headers_mut().insert("cache-control", value);
        response.extensions_mut().insert(CalledModel::from("small"));
        Ok::<_, Infallible>(response)
    });
    let mut request = Request::get("http://model/answer").body(Full::default());
    let extensions = request.as_mut().expect("a request").extensions_mut();
    match tags {
        Some(tags) => drop(extensions.insert(tags.clone())),
        // So that each request has a map.
        None => drop(extensions.insert(Priority::High)),
    }
    let request = request.expect("a request");
    let answer = layer.layer(origin).oneshot(request).now_or_never();
    let Ok(answer) = answer.expect("nothing waits");
    let body = answer.into_body().collect().now_or_never();
    body.expect("nothing waits").expect("a clean end");
}

fn cache(ledger: &Ledger) -> CacheLayer<MemoryStore> {
    CacheLayer::builder(MemoryStore::new(1 << 20))
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .expect("a layer")
}

#[tokio::test(start_paused = true)]
async fn a_hit_is_booked_under_its_own_tags_and_the_model_of_the_call_that_filled_it() {
    let ledger = Ledger::new();
    let cache = cache(&ledger);
    let team = |name| CostTags::new([("team", name)]);
    ask(&cache, Some(&team("search")));
    ask(&cache, Some(&team("mail")));
    ask(&cache, Some(&team("mail")));
    ask(&cache, None);
    let teams = ledger.totals_by(Dimension::Tag("team"));
    let said: Vec<_> = teams
        .iter()
        .map(|(name, part)| format!("{name}: {part}"))
        .collect();
    assert_eq!(
        said,
        [
            ": calls made: 0 ($0.00), avoided: 1 ($0.01)",
            "mail: calls made: 0 ($0.00), avoided: 2 ($0.02)",
            "search: calls made: 1 ($0.01), avoided: 0 ($0.00)",
        ]
    );
    let models = ledger.totals_by(Dimension::Model);
    assert_eq!(models["small"], ledger.totals(), "{ledger}");
}

#[tokio::test(start_paused = true)]
async fn tags_cost_a_hit_no_allocation() {
    let ledger = Ledger::new();
    let cache = cache(&ledger);
    let tags = CostTags::new([("team", "search")]);
    // The calls that open the accounts.
    for _ in 0..3 {
        ask(&cache, Some(&tags));
        ask(&cache, None);
    }
    let count =
        |tags: Option<&CostTags>| allocation_counter::measure(|| ask(&cache, tags)).count_total;
    let (without, with) = (count(None), count(Some(&tags)));
    println!("allocations of a hit, its request and origin included: {without}, with tags {with}");
    assert_eq!(without, with);
}
