//! The bound on the bytes of a store.

use std::{fs, path::Path, sync::LazyLock};

use bytes::Bytes;
use scrimp_cache::Store;
use scrimp_disk::DiskStore;
use tempfile::tempdir;

use crate::rig::{Answer, Rig, files, respond};

/// The least limit.
const LEAST: u64 = 1 << 20;

/// Length of a body, which takes thirteen blocks with all that is beside it.
const BODY: u64 = 50_000;

/// Bytes that it takes.
const TAKEN: u64 = 13 * 4096;

async fn start(folder: &Path, limit: u64) -> Rig {
    let builder = DiskStore::builder(folder, limit);
    Rig::over(builder, |parts| {
        respond(parts, noise(parts.uri.path(), BODY))
    })
    .await
}

/// Returns bytes of their own for a path, which no compression makes shorter.
fn noise(path: &str, length: u64) -> Bytes {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut random = fastrand::Rng::with_seed(7);
        let words = std::iter::repeat_with(|| random.u64(..).to_le_bytes());
        words.take(3 << 20).flatten().collect()
    });
    let rest = length as usize - path.len();
    [path.as_bytes(), &NOISE[..rest]].concat().into()
}

/// Returns the bytes of the files, each rounded up to blocks of 4 KiB. Some file systems compress.
fn on_disk(folder: &Path) -> u64 {
    let bytes = |path: &Path| {
        let about = fs::metadata(path).expect("a file");
        about.len().next_multiple_of(4096)
    };
    files(folder).iter().map(|path| bytes(path)).sum()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_times_as_much_stays_within_the_bound_and_what_is_used_stays() {
    let folder = tempdir().expect("a folder");
    let rig = start(folder.path(), LEAST).await;
    rig.get("/used").await;
    let number = 100 * LEAST / TAKEN;
    for n in 0..number {
        rig.get(&format!("/{n}")).await;
        if n.is_multiple_of(15) {
            assert!(rig.get("/used").await.1);
            assert!(on_disk(folder.path()) <= LEAST && rig.bytes() <= LEAST);
        }
    }
    let stats = rig.layer.stats().store;
    assert_eq!(stats.bytes, on_disk(folder.path()));
    assert!(stats.evicted > number * 98 / 100, "{stats:?}");
    assert!(stats.bytes + TAKEN > LEAST && stats.peak_bytes <= LEAST + TAKEN);
    drop(rig);
    let rig = start(folder.path(), LEAST).await;
    assert_eq!(rig.bytes(), stats.bytes);
}

#[tokio::test(start_paused = true)]
async fn a_smaller_limit_holds_for_the_files_of_an_earlier_process() {
    let folder = tempdir().expect("a folder");
    let rig = start(folder.path(), 4 * LEAST).await;
    for n in 0..70 {
        rig.get(&format!("/{n}")).await;
    }
    assert!(rig.bytes() > 3 * LEAST);
    drop(rig);
    let rig = start(folder.path(), LEAST).await;
    assert!(rig.bytes() <= LEAST && on_disk(folder.path()) == rig.bytes());
    assert!(rig.bytes() + TAKEN > LEAST);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_removed_is_missing_at_once_and_its_file_is_deleted() {
    let folder = tempdir().expect("a folder");
    let rig = start(folder.path(), LEAST).await;
    rig.get("/a").await;
    assert!(rig.get("/a").await.1);
    let key = scrimp_core::KeyBuf::new().part(b"other").to_key();
    rig.store.remove(key.as_ref(), None);
    assert!(rig.get("/a").await.1, "another key");
    // The method leaves nothing behind that could be stored.
    assert!(!rig.send("DELETE", "/a", "en").await.1);
    let Answer(body, hit) = rig.get("/a").await;
    assert_eq!((body, hit), (noise("/a", BODY), false));
    assert_eq!(files(folder.path()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_above_the_limit_is_passed_on_and_not_stored() {
    let folder = tempdir().expect("a folder");
    let builder = DiskStore::builder(folder.path(), LEAST);
    let rig = Rig::over(builder, |parts| {
        let length: u64 = parts.uri.path()[1..].parse().expect("a length");
        respond(parts, noise(parts.uri.path(), length))
    });
    let rig = rig.await;
    for length in [LEAST - 1000, LEAST, 17 << 20] {
        for _ in 0..2 {
            let Answer(body, hit) = rig.get(&format!("/{length}")).await;
            assert_eq!(body.len() as u64, length);
            assert!(!hit || length < LEAST);
        }
    }
    assert!(rig.bytes() <= LEAST);
    assert!(rig.get(&format!("/{}", LEAST - 1000)).await.1);
}

#[tokio::test(start_paused = true)]
async fn variants_together_have_a_bound_and_the_newest_stays() {
    let folder = tempdir().expect("a folder");
    let builder = DiskStore::builder(folder.path(), 32 << 20).max_body(500_000);
    let rig = Rig::over(builder, |parts| {
        respond(parts, noise(parts.uri.path(), 499_000))
    });
    let rig = rig.await;
    for n in 0..32 {
        let language = format!("x-{n}");
        assert!(!rig.send("GET", "/a", &language).await.1);
        assert!(rig.send("GET", "/a", &language).await.1);
        assert!(on_disk(folder.path()) <= 4 * 500_000 + (1 << 20) + 4096);
    }
    assert!(!rig.send("GET", "/a", "x-0").await.1);
}
