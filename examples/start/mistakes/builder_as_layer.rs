// says: finish it with `.build()?`
use axum::{Router, routing::get};
use scrimp::cache::{CacheLayer, MemoryStore, mib};

fn main() {
    let cache = CacheLayer::builder(MemoryStore::new(mib(1))).rule("ttl=1m");
    let _: Router = Router::new().route("/", get(|| async {})).layer(cache);
}
