//! A process that is killed while it writes.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use scrimp_cache::Invalidation;
use scrimp_testkit::{Reply, ScriptedBody};
use tempfile::tempdir;

use crate::rig::{Rig, ask, builder, patient};

/// Environment variables of the process that is killed.
const FOLDER: &str = "SCRIMP_DISK_KILLED";
const ROUND: &str = "SCRIMP_DISK_ROUND";

/// Signal that ends a process at once. One that ends by itself, as after a panic, fails the test.
const SIGKILL: i32 = 9;

/// Number of paths.
const PATHS: u64 = 100;

/// Requests at the same time.
const CALLERS: u64 = 8;

/// Returns the only right body of a version of a path: its name, and up to 256 KiB that follow from it.
fn body(path: &str, version: u64) -> Bytes {
    let seed = path.bytes().fold(version, |seed, byte| {
        seed.wrapping_mul(257).wrapping_add(u64::from(byte))
    });
    let mut random = fastrand::Rng::with_seed(seed);
    let length = random.usize(..256 << 10) >> random.u32(..12);
    let mut body = format!("{path} {version}\n").into_bytes();
    body.extend(std::iter::repeat_with(|| random.u8(..)).take(length));
    body.into()
}

/// Reads the path and the version of a body. Fails if it is not the right one.
fn check(answer: &Bytes) -> (String, u64) {
    let end = answer.iter().position(|&byte| byte == b'\n');
    let head = std::str::from_utf8(&answer[..end.expect("a line")]).expect("text");
    let (path, version) = head.split_once(' ').expect("two words");
    let version = version.parse().expect("a number");
    assert!(*answer == body(path, version), "another body: {head}");
    (path.to_owned(), version)
}

/// Starts the process, and returns its output.
fn start(folder: &Path, round: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "kill::the_process_that_is_killed",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let output = child.stdout.take().expect("its output");
    (child, BufReader::new(output))
}

#[tokio::test]
async fn a_process_that_is_killed_in_mid_write_leaves_no_wrong_response() {
    let kills = std::env::var("SCRIMP_DISK_KILLS").ok();
    let kills: u64 = kills.map_or(10, |kills| kills.parse().expect("a number"));
    let folder = tempdir().expect("a folder");
    // Versions below this one were invalidated, and the process was told so before it was killed.
    let mut gone: HashMap<String, u64> = HashMap::new();
    let (mut hits, mut damaged, mut unfinished) = (0, 0, 0);
    for round in 1..=kills {
        let (mut child, output) = start(folder.path(), round);
        let last = fastrand::usize(50..400);
        for (number, line) in output.lines().map_while(Result::ok).enumerate() {
            if number == last {
                child.kill().expect("it runs");
            }
            // What it had written before it was killed counts, and so is read to the end.
            if let Some((path, version)) = line
                .strip_prefix("invalidated ")
                .and_then(|rest| rest.split_once(' '))
            {
                gone.insert(path.to_owned(), version.parse().expect("a number"));
            }
        }
        let status = child.wait().expect("it has ended");
        assert_eq!(status.signal(), Some(SIGKILL), "{status}");
        unfinished += crate::rig::unfinished(folder.path());
        let rig = Rig::over(builder(folder.path()), |parts| {
            let body = ScriptedBody::new().data(body(parts.uri.path(), u64::MAX));
            let response = http::Response::builder().header("cache-control", "no-store");
            Reply::respond(response.body(body.sized()).expect("a response"))
        });
        let rig = rig.await;
        for path in (0..PATHS).map(|n| format!("/{n}")) {
            let answer = rig.ask("GET", &path, "en").await;
            let (of, version) = check(&answer.0);
            assert_eq!(of, path);
            if answer.1 {
                hits += 1;
                let gone = gone.get(&path).copied().unwrap_or_default();
                assert!(
                    version >= gone,
                    "{path}: {version} was invalidated with {gone}"
                );
            }
        }
        damaged += rig.store.counts().damaged;
        assert_eq!(rig.layer.stats().store_failures, 0);
        let store = rig.store.clone();
        drop(rig);
        // Else the next process may find the folder in use.
        store.closed().await;
    }
    println!(
        "{kills} kills: {hits} of {} look-ups found a response, none was wrong; {unfinished} \
         writes were not finished, {damaged} files damaged",
        kills * PATHS
    );
    assert!(hits > kills * PATHS / 10, "{hits} hits");
    assert_eq!(damaged, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test above"]
async fn the_process_that_is_killed() {
    let (Some(folder), Ok(round)) = (std::env::var_os(FOLDER), std::env::var(ROUND)) else {
        return;
    };
    let round: u64 = round.parse().expect("a number");
    let store = builder(Path::new(&folder))
        .flush_invalidations(round.is_multiple_of(2))
        .build()
        .expect("a store");
    let versions = Arc::new(AtomicU64::new(round << 32));
    let latest = Arc::clone(&versions);
    let rig = Rig::with(store.clone(), patient(&store), move |parts| {
        let path = parts.uri.path();
        let body = ScriptedBody::new().data(body(path, latest.fetch_add(1, SeqCst)));
        let response = http::Response::builder()
            .header("cache-control", "max-age=3600")
            .header("cache-tag", &path[1..]);
        Reply::respond(response.body(body.sized()).expect("a response"))
    });
    let invalidator = rig.layer.invalidator();
    let callers = (0..CALLERS).map(|caller| {
        let (cache, versions, invalidator) =
            (rig.cache(), Arc::clone(&versions), invalidator.clone());
        tokio::spawn(async move {
            // It is killed long before.
            for _ in 0..100_000 {
                // Each path has one caller, so that no other one has fetched it meanwhile.
                let n = fastrand::u64(..PATHS / CALLERS) * CALLERS + caller;
                if fastrand::u8(..4) == 0 {
                    let version = versions.load(SeqCst);
                    invalidator.invalidate(&Invalidation::tag(n.to_string()));
                    say(&format!("invalidated /{n} {version}"));
                }
                let answer = ask(cache.clone(), "GET", &format!("/{n}"), "en").await;
                check(&answer.0);
                say("answered");
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no panic");
    }
}

/// Writes a line at once.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").expect("the other process reads it");
    output.flush().expect("the other process reads it");
}
