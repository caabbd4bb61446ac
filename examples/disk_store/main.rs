//! A cache whose stored responses survive a restart.
//!
//! ```sh
//! cargo run --example disk_store -- answers
//! ```
//!
//! Run it twice: the second time, no call is made.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp::{
    cache::{CacheLayer, MemoryStore, Tiered},
    core::{BoxError, Ledger},
    disk::DiskStore,
};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("scrimp-disk-store"));
    let ledger = Ledger::new();
    let disk = DiskStore::builder(&folder, 64 << 20)
        .ledger(&ledger)
        .build()?;
    let cache = CacheLayer::builder(Tiered::new(MemoryStore::new(16 << 20), disk))
        .ledger(ledger.clone())
        .price("0.02")
        .build()?;

    let translator = service_fn(|request: Request<Full<Bytes>>| async move {
        println!("  (the paid API is called for {})", request.uri().path());
        let text = request.uri().path().trim_start_matches('/').to_uppercase();
        Response::builder()
            .header("cache-control", "max-age=3600")
            .header("cache-tag", "translations")
            .body(Full::new(Bytes::from(text)))
    });
    let client = cache.layer(translator);
    for word in ["hello", "good-bye"] {
        let uri = format!("https://translate.example/{word}");
        let request = Request::get(uri).body(Full::default())?;
        let response = client.clone().oneshot(request).await.map_err(Arc::new)?;
        let said = response.headers()["cache-status"].clone();
        let body = response.into_body().collect().await?.to_bytes();
        println!("{word}: {} [{}]", body.escape_ascii(), said.to_str()?);
    }
    for line in ledger.lines() {
        println!("spent {}, saved {}", line.spent, line.saved);
    }
    println!("the answers are in {}; run me again", folder.display());
    Ok(())
}
