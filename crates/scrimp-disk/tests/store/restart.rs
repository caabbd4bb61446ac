//! Effects of a restart: stored responses stay, invalidated ones do not come back.

use std::{fs, path::Path, process::Command, time::Duration, time::UNIX_EPOCH};

use scrimp_cache::{CacheLayer, Invalidation};
use scrimp_core::{Clock, Ledger, Money};
use tempfile::tempdir;

use crate::rig::{Answer, Rig, answer, builder, files, fresh, stored, unfinished};

/// Environment variable with the folder for the second process.
const FOLDER: &str = "SCRIMP_DISK_STORE";

#[tokio::test(start_paused = true)]
async fn all_variants_of_responses_survive_a_restart() {
    let folder = tempdir().expect("a folder");
    let rig = Rig::start(folder.path()).await;
    assert_eq!(rig.get("/a").await, fresh("/a"));
    assert_eq!(rig.send("GET", "/a", "de").await, fresh("/a"));
    drop(rig);
    let rig = Rig::start(folder.path()).await;
    for language in ["en", "de"] {
        assert_eq!(rig.send("GET", "/a", language).await, stored("/a"));
    }
    assert_eq!(rig.send("GET", "/a", "fr").await, fresh("/a"));
    assert_eq!(rig.upstream.calls(), 1);
    assert_eq!(rig.layer.stats().store.entries, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_found_before_the_files_are_counted() {
    let folder = tempdir().expect("a folder");
    let rig = Rig::start(folder.path()).await;
    rig.get("/a").await;
    drop(rig);
    let store = builder(folder.path()).build().expect("a store");
    let layer = CacheLayer::new(store.clone());
    let rig = Rig::with(store, layer, answer);
    assert_eq!(rig.ask("GET", "/a", "en").await, stored("/a"));
}

#[tokio::test(start_paused = true)]
async fn what_other_settings_do_not_read_stays_for_those_that_do() {
    let folder = tempdir().expect("a folder");
    Rig::start(folder.path()).await.get("/a").await;
    let rig = Rig::over(builder(folder.path()).max_body(4), answer).await;
    assert_eq!(rig.ask("GET", "/a", "en").await, fresh("/a"));
    assert_eq!(rig.store.counts().damaged, 0);
    drop(rig);
    assert_eq!(files(folder.path()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_counted_are_not_forgotten() {
    let folder = tempdir().expect("a folder");
    Rig::start(folder.path()).await.get("/a").await;
    let file = files(folder.path()).remove(0);
    let shelf = file.parent().expect("a folder").to_owned();
    let aside = folder.path().join("aside");
    fs::rename(&shelf, &aside).expect("renamed");
    fs::write(&shelf, "in the way").expect("written");
    let rig = Rig::start(folder.path()).await;
    assert!(!rig.store.counts().counted);
    fs::remove_file(&shelf).expect("removed");
    fs::rename(&aside, &shelf).expect("renamed");
    assert_eq!(rig.get("/a").await, stored("/a"));
}

#[tokio::test(start_paused = true)]
async fn responses_invalidated_before_a_restart_stay_invalid() {
    for flush in [true, false] {
        let folder = tempdir().expect("a folder");
        let start = || Rig::over(builder(folder.path()).flush_invalidations(flush), answer);
        let rig = start().await;
        for path in ["/tagged", "/posted", "/kept"] {
            rig.get(path).await;
        }
        let invalidator = rig.layer.invalidator();
        invalidator.invalidate(&Invalidation::tag("tagged"));
        drop(invalidator);
        rig.send("POST", "/posted", "en").await;
        drop(rig);
        for _ in 0..2 {
            assert_eq!(start().await.get("/kept").await, stored("/kept"));
        }
        let rig = start().await;
        assert_eq!(rig.get("/tagged").await, fresh("/tagged"));
        assert_eq!(rig.get("/posted").await, fresh("/posted"));
    }
}

#[tokio::test(start_paused = true)]
async fn unfinished_files_are_deleted_at_a_restart() {
    let folder = tempdir().expect("a folder");
    Rig::start(folder.path()).await.get("/a").await;
    fs::write(folder.path().join("new/7"), "half a file").expect("written");
    let rig = Rig::start(folder.path()).await;
    assert_eq!(unfinished(folder.path()), 0);
    assert_eq!(rig.get("/a").await, stored("/a"));
}

#[tokio::test(start_paused = true)]
async fn without_the_journal_no_stored_response_is_used() {
    for damage in [None, Some(0), Some(4), Some(60)] {
        let folder = tempdir().expect("a folder");
        Rig::start(folder.path()).await.get("/a").await;
        let journal = folder.path().join("journal");
        match damage {
            None => fs::remove_file(journal).expect("a journal"),
            Some(at) => {
                let mut bytes = fs::read(&journal).expect("a journal");
                bytes[at] ^= 1;
                // A flag that is changed says that records may be missing, once the boot is another.
                bytes[5] ^= u8::from(at == 4);
                fs::write(journal, bytes).expect("written");
            }
        }
        let rig = Rig::start(folder.path()).await;
        assert_eq!(rig.get("/a").await, fresh("/a"), "{damage:?}");
        assert_eq!(rig.get("/a").await, stored("/a"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_cut_off_at_the_end_of_the_journal_costs_no_response() {
    let folder = tempdir().expect("a folder");
    Rig::start(folder.path()).await.get("/a").await;
    let journal = folder.path().join("journal");
    let mut bytes = fs::read(&journal).expect("a journal");
    let rig = Rig::start(folder.path()).await;
    let before = fs::read(&journal).expect("a journal").len();
    rig.layer.invalidator().invalidate(&Invalidation::tag("a"));
    let after = fs::read(&journal).expect("a journal");
    drop(rig);
    // The process ended while it wrote the invalidation, so it never counted.
    for cut in before + 1..after.len() {
        bytes.clear();
        bytes.extend_from_slice(&after[..cut]);
        fs::write(&journal, &bytes).expect("written");
        let rig = Rig::start(folder.path()).await;
        assert_eq!(rig.get("/a").await, stored("/a"), "{cut}");
    }
    fs::write(&journal, &after).expect("written");
    assert_eq!(Rig::start(folder.path()).await.get("/a").await, fresh("/a"));
}

#[tokio::test(start_paused = true)]
async fn a_stale_response_on_disk_is_refreshed_once_for_all_callers() {
    let folder = tempdir().expect("a folder");
    Rig::start(folder.path()).await.get("/a").await;
    tokio::time::advance(Duration::from_secs(61)).await;
    let gate = scrimp_testkit::Gate::new();
    let slow = gate.clone();
    let rig = Rig::over(builder(folder.path()), move |parts| {
        answer(parts).gate(&slow)
    });
    let rig = rig.await;
    for _ in 0..5 {
        assert_eq!(rig.get("/a").await, stored("/a"));
    }
    assert_eq!(rig.upstream.calls(), 1);
    gate.open();
}

#[tokio::test(start_paused = true)]
async fn what_is_of_no_more_use_is_deleted() {
    let folder = tempdir().expect("a folder");
    let clock = Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_431_857_100));
    let start = || Rig::over(builder(folder.path()).clock(clock.clone()), answer);
    let rig = start().await;
    rig.get("/read").await;
    rig.get("/counted").await;
    assert_eq!(files(folder.path()).len(), 2);
    tokio::time::advance(Duration::from_secs(119)).await;
    assert_eq!(files(folder.path()).len(), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(rig.get("/read").await, fresh("/read"));
    assert_eq!(rig.layer.stats().store.entries, 2);
    drop(rig);
    let rig = start().await;
    assert_eq!(rig.layer.stats().store.entries, 1);
    assert_eq!(files(folder.path()).len(), 1);
    assert_eq!(rig.get("/read").await, stored("/read"));
}

#[tokio::test(start_paused = true)]
async fn hits_after_a_restart_are_booked() {
    let folder = tempdir().expect("a folder");
    let price: Money = "0.02".parse().expect("a price");
    let start = |ledger: &Ledger| {
        let store = builder(folder.path()).ledger(ledger).build();
        let store = store.expect("a store");
        let layer = CacheLayer::builder(store.clone())
            .ledger(ledger.clone())
            .price(price)
            .build()
            .expect("a layer");
        Rig::with(store, layer, answer)
    };
    let rig = start(&Ledger::new());
    rig.store.counted().await;
    rig.get("/a").await;
    drop(rig);
    let ledger = Ledger::new();
    assert_eq!(start(&ledger).get("/a").await, stored("/a"));
    assert_eq!(ledger.lines()[0].saved, price);
}

#[tokio::test(start_paused = true)]
async fn a_folder_belongs_to_one_store_at_a_time() {
    let folder = tempdir().expect("a folder");
    let rig = Rig::start(folder.path()).await;
    let second = builder(folder.path()).build();
    let error = second.expect_err("the folder is in use").to_string();
    assert!(error.contains("another store"), "{error}");
    drop(rig);
    Rig::start(folder.path()).await;
}

/// Runs in another process, with other secrets, clocks and hashes.
#[tokio::test(start_paused = true)]
async fn a_second_process_serves_what_the_first_has_stored_and_not_what_it_invalidated() {
    let folder = tempdir().expect("a folder");
    let rig = Rig::start(folder.path()).await;
    for path in ["/kept", "/gone"] {
        rig.get(path).await;
    }
    let gone = Invalidation::tag("gone");
    rig.layer.invalidator().invalidate(&gone);
    drop(rig);
    let test = "restart::the_second_process";
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
    let rig = Rig::start(Path::new(&folder)).await;
    assert_eq!(rig.get("/kept").await, stored("/kept"));
    let Answer(_, hit) = rig.get("/gone").await;
    assert!(!hit);
    let kept = Invalidation::tag("kept");
    rig.layer.invalidator().invalidate(&kept);
    assert_eq!(rig.get("/kept").await, fresh("/kept"));
}
