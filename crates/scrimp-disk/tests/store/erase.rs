//! Files that are erased, and those that are older than the retention.

use std::{
    fs,
    time::{Duration, UNIX_EPOCH},
};

use scrimp_cache::{CacheLayer, Invalidation};
use scrimp_core::Clock;
use tempfile::tempdir;

use crate::rig::{Answer, Rig, answer, builder, files};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(start_paused = true)]
async fn files_of_an_earlier_process_and_unreadable_ones_are_erased_and_others_stay() {
    let folder = tempdir().expect("a folder");
    {
        let rig = Rig::start(folder.path()).await;
        for (path, language) in [
            ("/anna", "en"),
            ("/anna", "de"),
            ("/bert", "en"),
            ("/carl", "en"),
        ] {
            rig.send("GET", path, language).await;
        }
    }
    let all = files(folder.path());
    assert_eq!(all.len(), 3);
    let has = |text: &str| {
        let bytes = all.iter().filter_map(|file| fs::read(file).ok());
        bytes
            .filter(|bytes| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            })
            .count()
    };
    assert_eq!(has("this is /anna"), 1);
    let torn = all.iter().find(|file| {
        let bytes = fs::read(file).expect("a file");
        bytes.windows(5).any(|part| part == b"/carl")
    });
    // The time of a file is the end of its use.
    let torn = torn.expect("a file");
    let until = fs::metadata(torn).and_then(|about| about.modified());
    fs::write(torn, b"SCRM, cut off").expect("room");
    let file = fs::File::options().write(true).open(torn).expect("a file");
    file.set_modified(until.expect("a time"))
        .expect("a file of ours");

    let rig = Rig::start(folder.path()).await;
    let erased = rig
        .layer
        .invalidator()
        .erase(&Invalidation::tag("anna"))
        .await;
    let erased = erased.expect("a folder that can be read");
    assert_eq!((erased.responses, erased.unreadable), (1, 1));
    assert_eq!((has("this is /anna"), files(folder.path()).len()), (0, 1));
    let Answer(_, hit) = rig.send("GET", "/bert", "en").await;
    assert!(hit, "what is of others stays");
    assert_eq!(rig.store.counts().damaged, 0, "an erasure is no look-up");
}

#[tokio::test(start_paused = true)]
async fn after_the_retention_a_sweep_deletes_files_that_no_request_asks_for() {
    let folder = tempdir().expect("a folder");
    let clock = Clock::anchored(UNIX_EPOCH + 500_000 * HOUR);
    let store = builder(folder.path())
        .clock(clock.clone())
        .build()
        .expect("a store");
    store.counted().await;
    let layer = CacheLayer::builder(store.clone())
        .clock(clock)
        .store_timeout(HOUR)
        .rule("ttl=infinite")
        .retention(24 * HOUR)
        .build()
        .expect("settings");
    let rig = Rig::with(store, layer, answer);
    rig.send("GET", "/old", "en").await;
    tokio::time::advance(20 * HOUR).await;
    rig.send("GET", "/new", "en").await;
    assert_eq!(rig.layer.sweep().await.expect("a folder").responses, 0);
    tokio::time::advance(5 * HOUR).await;
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(rig.layer.sweep().await.expect("a folder").responses, 1);
    assert_eq!(files(folder.path()).len(), 1);
    assert_eq!(rig.layer.store().counts().found, 0);
}
