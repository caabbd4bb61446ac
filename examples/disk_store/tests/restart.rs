//! Effects of a restart: stored responses stay, invalidated ones do not come back.

use std::{process::Command, time::Duration};

use scrimp::{
    cache::Invalidation,
    core::{Ledger, Money},
};
use tempfile::tempdir;

use super::*;

/// Environment variable with the folder for the second process.
const FOLDER: &str = "SCRIMP_DISK_STORE";

#[tokio::test(start_paused = true)]
async fn all_variants_of_responses_survive_a_restart() {
    let folder = tempdir().expect("a folder");
    let rig = Rig::start(folder.path());
    assert_eq!(rig.get("/a").await, fresh("/a"));
    assert_eq!(rig.send("GET", "/a", "de").await, fresh("/a"));
    drop(rig);
    let rig = Rig::start(folder.path());
    for language in ["en", "de"] {
        assert_eq!(rig.send("GET", "/a", language).await, stored("/a"));
    }
    assert_eq!(rig.send("GET", "/a", "fr").await, fresh("/a"));
    assert_eq!(rig.upstream.calls(), 1);
    assert_eq!(rig.layer.stats().store.entries, 1);
}

#[tokio::test(start_paused = true)]
async fn responses_invalidated_before_a_restart_stay_invalid() {
    let folder = tempdir().expect("a folder");
    let rig = Rig::start(folder.path());
    for path in ["/tagged", "/posted", "/kept"] {
        rig.get(path).await;
    }
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::tag("tagged"));
    rig.send("POST", "/posted", "en").await;
    drop(rig);
    for _ in 0..2 {
        let rig = Rig::start(folder.path());
        assert_eq!(rig.get("/kept").await, stored("/kept"));
    }
    let rig = Rig::start(folder.path());
    assert_eq!(rig.get("/tagged").await, fresh("/tagged"));
    assert_eq!(rig.get("/posted").await, fresh("/posted"));
}

#[tokio::test(start_paused = true)]
async fn unfinished_files_are_removed_after_a_restart() {
    let folder = tempdir().expect("a folder");
    Rig::start(folder.path()).get("/a").await;
    let half = files(folder.path())[0].with_extension("new");
    std::fs::write(&half, "half a file").expect("written");
    let rig = Rig::start(folder.path());
    assert!(!half.exists());
    assert_eq!(rig.get("/a").await, stored("/a"));
}

#[tokio::test(start_paused = true)]
async fn without_the_journal_no_stored_response_is_used() {
    for lose in [true, false] {
        let folder = tempdir().expect("a folder");
        Rig::start(folder.path()).get("/a").await;
        let journal = folder.path().join("journal");
        match lose {
            true => std::fs::remove_file(journal).expect("a journal"),
            false => std::fs::write(journal, "no journal").expect("written"),
        }
        let rig = Rig::start(folder.path());
        assert_eq!(rig.get("/a").await, fresh("/a"));
        assert_eq!(rig.get("/a").await, stored("/a"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_response_on_disk_is_refreshed_once_for_all_callers() {
    let folder = tempdir().expect("a folder");
    Rig::start(folder.path()).get("/a").await;
    tokio::time::advance(Duration::from_secs(61)).await;
    let gate = scrimp_testkit::Gate::new();
    let slow = gate.clone();
    let rig = Rig::over(folder.path(), 1 << 20, Codec::new(), move |parts| {
        answer(parts).gate(&slow)
    });
    for _ in 0..5 {
        assert_eq!(rig.get("/a").await, stored("/a"));
    }
    assert_eq!(rig.upstream.calls(), 1);
    gate.open();
}

#[tokio::test(start_paused = true)]
async fn hits_after_a_restart_are_booked() {
    let folder = tempdir().expect("a folder");
    let price: Money = "0.02".parse().expect("a price");
    let start = |ledger: &Ledger| {
        let codec = Codec::new().ledger(ledger.clone());
        let store = DiskStore::open(folder.path(), 1 << 20, codec).expect("a store");
        let layer = CacheLayer::builder(store)
            .ledger(ledger.clone())
            .price(price)
            .build()
            .expect("a layer");
        let (service, upstream) = Scripted::answering(answer);
        let cache = layer.layer(service);
        Rig {
            layer,
            cache,
            upstream,
        }
    };
    start(&Ledger::new()).get("/a").await;
    let ledger = Ledger::new();
    assert_eq!(start(&ledger).get("/a").await, stored("/a"));
    assert_eq!(ledger.lines()[0].saved, price);
}

#[tokio::test(start_paused = true)]
async fn the_folder_stays_within_its_bound_and_what_is_used_stays() {
    let folder = tempdir().expect("a folder");
    let bound = 20_000;
    let rig = Rig::start_with(folder.path(), bound, Codec::new());
    for n in 0..100 {
        rig.get(&format!("/{n}")).await;
        assert_eq!(rig.get("/0").await, stored("/0"));
    }
    let stats = rig.layer.stats().store;
    assert!(stats.bytes <= bound && stats.evicted > 0, "{stats:?}");
    let size = |file: &PathBuf| file.metadata().expect("a file").len();
    let on_disk: u64 = files(folder.path()).iter().map(size).sum();
    assert_eq!(on_disk, stats.bytes);
    // A smaller limit also applies to existing files.
    let rig = Rig::start_with(folder.path(), bound / 2, Codec::new());
    let stats = rig.layer.stats().store;
    assert!(stats.bytes <= bound / 2 && stats.entries > 0, "{stats:?}");
}

/// Runs in another process, with other secrets, clocks and hashes.
#[tokio::test(start_paused = true)]
async fn a_second_process_serves_what_the_first_has_stored_and_not_what_it_invalidated() {
    let folder = tempdir().expect("a folder");
    let rig = Rig::start(folder.path());
    for path in ["/kept", "/gone"] {
        rig.get(path).await;
    }
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::tag("gone"));
    drop(rig);
    let test = "tests::restart::the_second_process";
    let second = Command::new(std::env::current_exe().expect("this test"))
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .expect("a process");
    let said = String::from_utf8_lossy(&second.stdout);
    assert!(
        second.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
#[ignore = "run by the test above"]
async fn the_second_process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let rig = Rig::start(Path::new(&folder));
    assert_eq!(rig.get("/kept").await, stored("/kept"));
    assert_eq!(rig.get("/gone").await, fresh("/gone"));
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::tag("kept"));
    assert_eq!(rig.get("/kept").await, fresh("/kept"));
}
