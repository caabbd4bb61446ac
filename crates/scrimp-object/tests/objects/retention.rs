//! Bytes that are older than the retention, and those of a subject that is erased.

use std::{sync::Arc, time::Duration};

use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory};
use scrimp_cache::{Invalidation, PutOutcome};
use tokio::time::advance;

use crate::rig::{Node, Stream, names, read};

const MINUTE: Duration = Duration::from_secs(60);

fn objects() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

#[tokio::test(start_paused = true)]
async fn after_the_retention_a_response_is_not_used_and_a_sweep_deletes_its_object() {
    let objects = objects();
    let node = Node::with(
        Arc::clone(&objects),
        (&Stream::default(), 0),
        |store| store,
        |layer| layer.rule("ttl=12h").retention(30 * MINUTE),
    );
    for path in ["/a", "/b"] {
        node.fill(path).await;
        // It reads the clock of the object store.
        assert!(node.get(path).await);
    }
    advance(29 * MINUTE).await;
    assert!(node.get("/a").await && node.get("/b").await);
    assert_eq!(node.layer.sweep().await.expect("in memory").responses, 0);
    advance(MINUTE).await;
    assert!(!node.get("/a").await, "it is not used any more");
    assert_eq!(node.put().await, Ok(PutOutcome::Stored));
    // A minute is for validators, and ages are some seconds too high.
    advance(2 * MINUTE).await;
    let swept = node.layer.sweep().await.expect("in memory").responses;
    // The time of a new object is the machine's, which does not advance here: both seem old.
    assert_eq!((swept, names(&*objects).await.len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_retention_a_sweep_of_the_layer_deletes_nothing() {
    let objects = objects();
    let node = Node::start(Arc::clone(&objects));
    node.fill("/a").await;
    advance(100_000 * MINUTE).await;
    assert_eq!(
        node.layer.sweep().await.expect("nothing to do").responses,
        0
    );
    assert_eq!(names(&*objects).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn variants_whose_time_is_over_are_not_written_again_with_new_ones() {
    let objects = objects();
    let node = Node::start(Arc::clone(&objects));
    let bodies = async || {
        let name = names(&*objects).await.remove(0);
        let bytes = read(&*objects, &name).await;
        let text = b"this is /a";
        bytes
            .windows(text.len())
            .filter(|part| part == text)
            .count()
    };
    for (language, expected) in [("en", 1), ("de", 2), ("long-1", 3), ("long-2", 2)] {
        if language == "long-2" {
            advance(2 * MINUTE).await;
        }
        assert!(!node.send("/a", language, None).await);
        assert_eq!(node.put().await, Ok(PutOutcome::Stored));
        assert_eq!(bodies().await, expected, "{language}");
    }
    assert!(node.send("/a", "long-1", None).await && node.send("/a", "long-2", None).await);
}

#[tokio::test]
async fn an_erasure_deletes_what_is_selected_and_what_cannot_be_read_of_every_version() {
    let objects = objects();
    let node = Node::start(Arc::clone(&objects));
    for (path, language) in [("/anna", "en"), ("/anna", "de"), ("/bert", "en")] {
        node.send(path, language, None).await;
        assert_eq!(node.put().await, Ok(PutOutcome::Stored));
    }
    let put = async |name: &str| {
        let bytes = b"of an older version".to_vec();
        let put = objects.put(&name.into(), bytes.into()).await;
        put.expect("in memory");
    };
    put("scrimp/0.1/0123456789abcdef0123456789abcdef").await;
    put("scrimp/else").await;
    let erase = async || {
        let tag = Invalidation::tag("anna");
        let erased = node.layer.invalidator().erase(&tag).await;
        let erased = erased.expect("in memory");
        (erased.responses, erased.unreadable)
    };
    assert_eq!(erase().await, (1, 1));
    assert_eq!(erase().await, (0, 0));
    let left = names(&*objects).await.len();
    assert_eq!(left, 2, "the other subject, and what is no response");
    assert!(node.get("/bert").await);
}
