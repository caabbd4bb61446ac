//! An object store that is slow, or fails.

use std::{sync::Arc, time::Duration};

use object_store::{
    ObjectStore,
    local::LocalFileSystem,
    memory::InMemory,
    throttle::{ThrottleConfig, ThrottledStore},
};
use scrimp_cache::{PutOutcome, Store};
use scrimp_core::KeyBuf;
use tokio::time::{Instant, advance};

use crate::rig::{Node, Stream, names};

#[tokio::test(start_paused = true)]
async fn a_slow_object_store_holds_up_few_requests_and_then_none_until_it_is_back() {
    let slow = Arc::new(ThrottledStore::new(
        InMemory::new(),
        ThrottleConfig::default(),
    ));
    let node = Node::of_fleet(
        Arc::clone(&slow) as Arc<dyn ObjectStore>,
        &Stream::default(),
        0,
        |settings| {
            settings
                .lookup_timeout(Duration::from_millis(100))
                .write_timeout(Duration::from_millis(200))
        },
    );
    node.fill("/a").await;
    slow.config_mut(|config| config.wait_get_per_call = Duration::from_secs(60));
    let start = Instant::now();
    for _ in 0..100 {
        assert!(!node.get("/a").await);
    }
    let waited = start.elapsed();
    assert!(waited <= Duration::from_millis(401), "{waited:?}");
    let counts = node.store.counts();
    assert!(counts.open && counts.left_out > 90, "{counts:?}");
    // It is asked again and again, once each time.
    advance(Duration::from_secs(1)).await;
    let start = Instant::now();
    for _ in 0..100 {
        node.get("/a").await;
    }
    assert!(start.elapsed() <= Duration::from_millis(201));
    slow.config_mut(|config| config.wait_get_per_call = Duration::ZERO);
    advance(Duration::from_secs(2)).await;
    assert!(node.get("/a").await && !node.store.counts().open);
}

#[tokio::test(start_paused = true)]
async fn an_object_store_that_fails_fails_no_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).expect("a folder");
    let files = LocalFileSystem::new_with_prefix(&inner).expect("a folder");
    let node = Node::start(Arc::new(files));
    node.fill("/a").await;
    std::fs::remove_dir_all(&inner).expect("removed");
    std::fs::write(&inner, "in the way").expect("written");
    for _ in 0..20 {
        assert!(!node.get("/a").await);
        let put = node.put().await;
        assert!(put != Ok(PutOutcome::Stored), "{put:?}");
    }
    assert!(node.store.counts().open);
    std::fs::remove_file(&inner).expect("removed");
    std::fs::create_dir(&inner).expect("a folder");
    advance(Duration::from_secs(2)).await;
    node.fill("/a").await;
    assert!(node.get("/a").await);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_its_caller_gives_up_counts_as_a_failure_if_it_was_slow() {
    let config = ThrottleConfig {
        wait_get_per_call: Duration::from_secs(1),
        ..ThrottleConfig::default()
    };
    let slow = ThrottledStore::new(InMemory::new(), config);
    let node = Node::of_fleet(Arc::new(slow), &Stream::default(), 0, |settings| {
        settings.lookup_timeout(Duration::from_millis(100))
    });
    let key = KeyBuf::new().part(b"a").to_key();
    // Clients that go away at once say nothing about the object store.
    for (number, after) in [(100, 40), (4, 60)] {
        assert!(!node.store.counts().open && !node.store.is_degraded(key.as_ref()));
        for _ in 0..number {
            let given_up = tokio::time::timeout(Duration::from_millis(after), node.get("/a")).await;
            assert!(given_up.is_err());
        }
    }
    assert!(node.store.counts().open && node.store.is_degraded(key.as_ref()));
    assert!(!node.get("/a").await, "at once");
}

/// Returns a node over an object store that can be made slow, and does not give up.
fn patient() -> (Node, Arc<ThrottledStore<InMemory>>) {
    let slow = ThrottledStore::new(InMemory::new(), ThrottleConfig::default());
    let slow = Arc::new(slow);
    let objects = Arc::clone(&slow) as Arc<dyn ObjectStore>;
    let node = Node::of_fleet(objects, &Stream::default(), 0, |settings| {
        settings.lookup_timeout(Duration::from_secs(20))
    });
    (node, slow)
}

#[tokio::test(start_paused = true)]
async fn what_takes_long_to_upload_is_not_kept() {
    let (node, slow) = patient();
    node.fill("/clock").await;
    for (millis, outcome) in [(900, PutOutcome::Stored), (1_100, PutOutcome::Rejected)] {
        slow.config_mut(|config| config.wait_put_per_call = Duration::from_millis(millis));
        let path = format!("/{millis}");
        assert!(!node.get(&path).await);
        assert_eq!(node.put().await, Ok(outcome));
        assert_eq!(node.get(&path).await, outcome == PutOutcome::Stored);
    }
    assert_eq!(names(&*slow).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_grows_older_while_it_is_read() {
    let (node, slow) = patient();
    node.fill("/a").await;
    // It reads the clock.
    assert!(node.get("/a").await);
    slow.config_mut(|config| config.wait_get_per_call = Duration::from_secs(15));
    advance(Duration::from_secs(35)).await;
    assert!(node.get("/a").await, "it has 10 s left at the end");
    // Its freshness lifetime of 60 s ends in the middle of the look-up. (A codec knows the ages of what
    // its own process has stored; others go by what the store tells them, as the store itself does.)
    assert!(!node.get("/a").await);
    assert_eq!(node.store.counts().found, 2);
}
