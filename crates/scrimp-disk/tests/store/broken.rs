//! Damaged files and lost folders.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use proptest::{prelude::*, sample::Index};
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore, Store, Tiered};
use scrimp_testkit::Scripted;
use tempfile::tempdir;
use tower::{Layer, ServiceExt};

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

/// Bytes that say the version of the format, and the one that says whether the file is encrypted.
const VERSION: std::ops::Range<usize> = 4..6;
const FORM: usize = 6;

/// Inflicts damage. Returns whether the file now looks like one of another version or other settings, which
/// is not read and stays for those that read it.
fn inflict(damage: &Damage, files: &[PathBuf], which: usize) -> bool {
    let file = &files[which];
    let mut bytes = fs::read(file).expect("a file");
    let mut is_others = false;
    let until = fs::metadata(file).and_then(|about| about.modified());
    match damage {
        Damage::Flip(at, change) => {
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            is_others = VERSION.contains(&at) || at == FORM && bytes[at] == 1;
        }
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Damage::Noise(noise) => bytes.clone_from(noise),
        Damage::Moved => bytes = fs::read(&files[(which + 1) % files.len()]).expect("a file"),
        Damage::Folder => {
            fs::remove_file(file).expect("a file");
            fs::create_dir(file).expect("a folder");
            return false;
        }
    }
    fs::write(file, bytes).expect("written");
    let opened = fs::File::options().write(true).open(file).expect("a file");
    opened
        .set_modified(until.expect("a time"))
        .expect("a time is set");
    is_others
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
            let is_others = inflict(&damage, &files(folder.path()), which);
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
            let is_none = is_others || matches!(damage, Damage::Folder);
            assert_eq!(damaged, u64::from(!is_none));
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
    let key = scrimp_core::KeyBuf::new().part(b"any").to_key();
    assert!(rig.store.is_degraded(key.as_ref()), "all places are taken");
    // It goes on, for those too that open the pipe later: it stays open for both, so none waits.
    let pipe = fs::File::options().read(true).write(true).open(&file);
    Box::leak(Box::new(pipe.expect("a pipe")));
}

/// A pipe holds up the thread that opens it.
#[cfg(unix)]
#[test]
fn a_journal_on_a_disk_that_has_stopped_is_given_up_and_stops_no_request() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let result = runtime.block_on(async {
            let folder = tempdir().expect("a folder");
            let store = builder(folder.path()).build().expect("a store");
            let tiers = Tiered::new(MemoryStore::new(1 << 20), store);
            let layer = CacheLayer::new(tiers);
            let journal = folder.path().join("journal");
            fs::remove_file(&journal).expect("a file");
            let made = std::process::Command::new("mkfifo").arg(&journal).status();
            assert!(made.expect("a tool").success());
            let (service, upstream) = Scripted::answering(answer);
            let cache = layer.layer(service);
            let mut hits = Vec::new();
            for (method, path) in [
                ("GET", "/a"),
                ("POST", "/b"),
                ("GET", "/a"),
                ("POST", "/a"),
                ("GET", "/a"),
            ] {
                let request = Request::builder().method(method);
                let request = request.uri(format!("http://a.example{path}"));
                let request = request.body(Full::<Bytes>::default()).expect("a request");
                let response = cache.clone().oneshot(request).await;
                let response = response.expect("no request fails");
                let said = response.headers()["cache-status"].to_str().expect("text");
                hits.push(said.contains("; hit"));
                response.into_body().collect().await.expect("a body");
            }
            // The thread goes on, and empties the journal.
            let pipe = fs::File::options().read(true).write(true).open(&journal);
            Box::leak(Box::new(pipe.expect("a pipe")));
            (hits, upstream.calls(), layer.stats().store_failures)
        });
        let _ = done.send(result);
    });
    let limit = std::time::Duration::from_secs(60);
    let (hits, calls, failures) = ended.recv_timeout(limit).expect("no request stops");
    assert_eq!(hits, [false, false, true, false, false]);
    assert_eq!((calls, failures > 0), (4, true));
}
