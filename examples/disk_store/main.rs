//! A cache whose stored responses survive a restart.
//!
//! ```sh
//! cargo run --example disk_store -- answers
//! ```
//!
//! Run it twice: the second time, no call is made.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp::{
    cache::{CacheLayer, MemoryStore, Tiered},
    core::{BoxError, Ledger, Totals},
    disk::DiskStore,
};
use tower::{Layer, ServiceExt, service_fn};

/// The answers and costs of a run of the program.
struct Run {
    /// Each word with its answer, and what the cache says of it.
    answers: Vec<(&'static str, Bytes, String)>,
    spent: Totals,
    saved: Totals,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("scrimp-disk-store"));
    let run = run(&folder).await?;
    for (word, answer, said) in run.answers {
        println!("{word}: {} [{said}]", answer.escape_ascii());
    }
    println!("spent {}, saved {}", run.spent, run.saved);
    println!("the answers are in {}; run me again", folder.display());
    Ok(())
}

/// Asks for two words, with what an earlier run has left in the folder.
async fn run(folder: &Path) -> Result<Run, BoxError> {
    let ledger = Ledger::new();
    let disk = DiskStore::builder(folder, 64 << 20)
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
    let mut answers = Vec::new();
    for word in ["hello", "good-bye"] {
        let uri = format!("https://translate.example/{word}");
        let request = Request::get(uri).body(Full::default())?;
        let response = client.clone().oneshot(request).await.map_err(Arc::new)?;
        let said = response.headers()["cache-status"].to_str()?.to_owned();
        let body = response.into_body().collect().await?.to_bytes();
        answers.push((word, body, said));
    }
    let (spent, saved) = (ledger.spent("cache"), ledger.saved());
    Ok(Run {
        answers,
        spent,
        saved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as one of its own, which ends with its runtime.
    fn ran(folder: &Path) -> Run {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(run(folder)).expect("a run")
    }

    #[test]
    fn the_second_run_pays_nothing_and_has_the_same_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = ran(folder.path());
        assert_eq!(first.spent.to_string(), "$0.04");
        assert!(first.saved.is_zero(), "{}", first.saved);
        let second = ran(folder.path());
        assert!(second.spent.is_zero(), "{}", second.spent);
        assert_eq!(second.saved.to_string(), "$0.04");
        for (word, answer, said) in second.answers {
            assert_eq!(answer, word.to_uppercase());
            assert!(said.contains("; hit"), "{word}: {said}");
        }
    }
}
