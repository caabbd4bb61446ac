//! Damaged files and lost folders.

use std::{fs, path::PathBuf};

use proptest::{prelude::*, sample::Index};
use scrimp_cache::{CacheLayer, Invalidation};
use tempfile::tempdir;

use crate::rig::{Answer, Rig, answer, builder, files, fresh, unfinished};

const PATHS: [&str; 3] = ["/a", "/b", "/c"];

/// Damage to a file.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    Noise(Vec<u8>),
    /// The file replaces another one.
    Moved,
    Folder,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), 1..=u8::MAX).prop_map(|(at, change)| Damage::Flip(at, change)),
        2 => any::<Index>().prop_map(Damage::Cut),
        1 => proptest::collection::vec(any::<u8>(), 0..100).prop_map(Damage::Noise),
        1 => Just(Damage::Moved),
        1 => Just(Damage::Folder),
    ]
}

fn inflict(damage: &Damage, files: &[PathBuf], which: usize) {
    let file = &files[which];
    let mut bytes = fs::read(file).expect("a file");
    let until = fs::metadata(file).and_then(|about| about.modified());
    match damage {
        Damage::Flip(at, change) => {
            let at = at.index(bytes.len());
            bytes[at] ^= change;
        }
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Damage::Noise(noise) => bytes.clone_from(noise),
        Damage::Moved => bytes = fs::read(&files[(which + 1) % files.len()]).expect("a file"),
        Damage::Folder => {
            fs::remove_file(file).expect("a file");
            return fs::create_dir(file).expect("a folder");
        }
    }
    fs::write(file, bytes).expect("written");
    let opened = fs::File::options().write(true).open(file).expect("a file");
    opened
        .set_modified(until.expect("a time"))
        .expect("a time is set");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_file_is_a_miss_and_never_a_wrong_response(
        damage in damage(),
        which in 0..PATHS.len(),
        restart in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let folder = tempdir().expect("a folder");
            let mut rig = Rig::start(folder.path()).await;
            for path in PATHS {
                rig.get(path).await;
            }
            inflict(&damage, &files(folder.path()), which);
            if restart {
                drop(rig);
                rig = Rig::start(folder.path()).await;
            }
            let mut misses = 0;
            for path in PATHS {
                let Answer(body, hit) = rig.get(path).await;
                assert_eq!(body, format!("this is {path}"));
                misses += usize::from(!hit);
            }
            assert_eq!(misses, 1, "the damaged one");
            let damaged = rig.store.counts().damaged;
            // A folder in the place of a file is no file that could be damaged.
            assert_eq!(damaged, u64::from(!matches!(damage, Damage::Folder)));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn an_unwritable_folder_fails_no_request_and_is_counted() {
    let folder = tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    let rig = Rig::start(&inner).await;
    // Works like a read-only folder for every user, including the administrator.
    fs::remove_dir_all(&inner).expect("removed");
    fs::write(&inner, "in the way").expect("written");
    for n in 1..=3 {
        assert_eq!(rig.get("/a").await, fresh("/a"));
        let failures = rig.layer.stats().store_failures;
        assert_eq!(failures, n + 1, "a put, and once the journal");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_simultaneous_requests_get_their_own_responses_though_many_are_dropped() {
    let folder = tempdir().expect("a folder");
    let rig = Rig::start(folder.path()).await;
    let invalidator = rig.layer.invalidator();
    let ask = async |n: usize| {
        let path = format!("/{}", n % 100);
        let answer = rig.get(&path);
        if n.is_multiple_of(7) {
            // Dropped at its first wait.
            let mut answer = scrimp_testkit::PollCounter::new(Box::pin(answer));
            let _ = answer.poll_now();
            return;
        }
        if n.is_multiple_of(500) {
            invalidator.invalidate(&Invalidation::tag((n % 100).to_string()));
        }
        assert_eq!(answer.await.0, format!("this is {path}"));
    };
    futures_util::future::join_all((0..10_000).map(ask)).await;
    for n in 0..100 {
        rig.get(&format!("/{n}")).await;
    }
    let stats = rig.layer.stats();
    assert_eq!(stats.store_failures, 0, "{stats:?}");
    assert_eq!((stats.store.entries, stats.store.fill_bytes), (100, 0));
    assert_eq!(rig.store.counts().damaged, 0);
    assert_eq!(files(folder.path()).len(), 100);
    assert_eq!(unfinished(folder.path()), 0);
}

/// A pipe holds up the threads that open it, as a disk that has stopped does.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_disk_that_has_stopped_holds_up_a_bounded_number_of_look_ups() {
    let folder = tempdir().expect("a folder");
    let store = builder(folder.path()).build().expect("a store");
    let rig = Rig::with(store.clone(), CacheLayer::new(store), answer);
    rig.get("/a").await;
    // Threads that wait would stop the time.
    tokio::time::resume();
    let file = files(folder.path()).remove(0);
    fs::remove_file(&file).expect("a file");
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.expect("a tool").success());
    let asks = (0..1_000).map(|_| rig.ask("GET", "/a", "en"));
    for Answer(body, hit) in futures_util::future::join_all(asks).await {
        assert!(body == "this is /a" && !hit);
    }
    let counts = rig.store.counts();
    assert!(counts.left_out >= 1_000 - 256, "{counts:?}");
    // It goes on.
    drop(fs::File::options().write(true).open(&file).expect("a pipe"));
}
