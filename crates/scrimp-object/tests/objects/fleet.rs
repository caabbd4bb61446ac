//! Several processes over one object store.

use std::{sync::Arc, sync::atomic::Ordering::SeqCst};

use object_store::{ObjectStore, memory::InMemory};
use scrimp_cache::{Invalidation, PutOutcome};

use crate::rig::{Node, Stream, names};

/// Returns two nodes that share objects and a log of invalidations.
fn two(objects: &Arc<dyn ObjectStore>) -> [Node; 2] {
    let stream = Stream::default();
    [1, 2].map(|number| Node::of_fleet(Arc::clone(objects), &stream, number, |settings| settings))
}

/// Checks what holds over every object store with conditional writes.
pub(crate) async fn check(objects: Arc<dyn ObjectStore>) {
    let [a, b] = two(&objects);
    a.fill("/shared").await;
    assert!(b.get("/shared").await, "the other process has stored it");
    assert_eq!(b.upstream.calls(), 0);

    // Writers at the same time, each of which has read the object without the others' variants.
    let languages: Vec<_> = (0..8).map(|n| format!("x-{n}")).collect();
    let all = languages.iter().enumerate().map(|(number, language)| {
        let node = [&a, &b][number % 2];
        node.send("/variants", language, None)
    });
    futures_util::future::join_all(all).await;
    for number in 0..languages.len() {
        let node = [&a, &b][number % 2];
        assert_eq!(node.put().await, Ok(PutOutcome::Stored));
    }
    for language in &languages {
        for node in [&a, &b] {
            assert!(node.send("/variants", language, None).await, "{language}");
        }
    }
    assert_eq!(names(&*objects).await.len(), 2);

    // A holder of the lock that has lost it since.
    for (fence, outcome) in [
        (5, PutOutcome::Stored),
        (4, PutOutcome::Superseded),
        (6, PutOutcome::Stored),
    ] {
        let node = [&a, &b][fence % 2];
        node.blind.store(true, SeqCst);
        assert!(!node.send("/fenced", "en", Some(fence as u64)).await);
        assert_eq!(node.put().await, Ok(outcome), "{fence}");
        node.blind.store(false, SeqCst);
    }

    // What is invalidated on one is not used on the other, and comes back from neither.
    a.layer
        .invalidator()
        .invalidate(&Invalidation::tag("shared"));
    assert!(!a.get("/shared").await);
    assert_eq!(a.put().await, Ok(PutOutcome::Stored));
    a.append();
    b.follow();
    assert!(
        !b.get("/shared").await,
        "the new response carries the old position"
    );
    assert_eq!(b.put().await, Ok(PutOutcome::Stored));
    a.follow();
    assert!(a.get("/shared").await && b.get("/shared").await);
    assert!(b.store.counts().outdated > 0);
    assert_eq!((a.store.counts().damaged, b.store.counts().damaged), (0, 0));
}

#[tokio::test]
async fn processes_share_responses_and_invalidations_and_lose_no_variants() {
    check(Arc::new(InMemory::new())).await;
}

#[tokio::test]
async fn without_a_shared_log_no_process_uses_what_another_has_stored() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let [a, _] = two(&objects);
    a.fill("/a").await;
    let stranger = Node::start(Arc::clone(&objects));
    // Its log is another one, of which the response knows nothing.
    stranger
        .layer
        .invalidator()
        .invalidate(&Invalidation::everything());
    stranger.append();
    stranger.follow();
    assert!(!stranger.get("/a").await);
}
