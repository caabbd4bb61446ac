//! Responses that the store keeps or refuses, in memory and in local files.

use std::{sync::Arc, time::Duration};

use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, memory::InMemory};
use scrimp_cache::PutOutcome;
use scrimp_object::BucketStore;
use tempfile::TempDir;
use tokio::time::advance;

use crate::rig::{Node, names, read};

/// Returns objects in memory, and local files in a folder that is deleted at the end.
fn both() -> ([Arc<dyn ObjectStore>; 2], TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = LocalFileSystem::new_with_prefix(folder.path()).expect("a folder");
    ([Arc::new(InMemory::new()), Arc::new(files)], folder)
}

#[tokio::test]
async fn a_response_is_stored_in_one_object_and_comes_back() {
    let (both, _folder) = both();
    for objects in both {
        let node = Node::start(Arc::clone(&objects));
        node.fill("/a").await;
        assert!(node.get("/a").await);
        assert!(!node.send("/a", "de", None).await);
        assert_eq!(node.put().await, Ok(PutOutcome::Stored));
        assert!(node.get("/a").await && node.send("/a", "de", None).await);
        assert_eq!(names(&*objects).await.len(), 1);
        let counts = node.store.counts();
        assert_eq!((counts.found, counts.missing, counts.damaged), (4, 1, 0));
    }
}

#[tokio::test]
async fn concurrent_writers_of_one_process_do_not_lose_each_others_variants() {
    let (both, _folder) = both();
    for objects in both {
        let node = Node::start(objects);
        let languages: Vec<_> = (0..20).map(|n| format!("x-{n}")).collect();
        let all = languages
            .iter()
            .map(|language| node.send("/a", language, None));
        futures_util::future::join_all(all).await;
        for _ in &languages {
            assert_eq!(node.put().await, Ok(PutOutcome::Stored));
        }
        for language in &languages {
            assert!(node.send("/a", language, None).await, "{language}");
        }
    }
}

#[tokio::test]
async fn what_was_cut_off_or_changed_is_a_miss_and_is_counted_and_replaced() {
    let (both, _folder) = both();
    for objects in both {
        let node = Node::start(Arc::clone(&objects));
        node.fill("/a").await;
        let name = names(&*objects).await.remove(0);
        let whole = read(&*objects, &name).await;
        let mut changed = whole.to_vec();
        changed[whole.len() - 1] ^= 1;
        let noise: &[u8] = b"this is no stored response";
        for (number, bytes) in [&whole[..7], &whole[..40], &changed, noise]
            .into_iter()
            .enumerate()
        {
            objects
                .put(&name, bytes.to_vec().into())
                .await
                .expect("written");
            assert!(!node.get("/a").await);
            // The put may have found it, too.
            assert!(node.store.counts().damaged > number as u64);
            assert_eq!(node.put().await, Ok(PutOutcome::Stored));
            assert!(
                node.get("/a").await,
                "it is not deleted in the place of the other"
            );
        }
        // It is bound to its key.
        node.fill("/b").await;
        let mut all = names(&*objects).await;
        all.retain(|other| *other != name);
        let of_b = read(&*objects, &all[0]).await;
        objects.put(&name, of_b.into()).await.expect("written");
        assert!(!node.get("/a").await);
    }
}

#[tokio::test]
async fn a_response_that_is_removed_is_gone() {
    use scrimp_cache::Store;
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let node = Node::start(Arc::clone(&objects));
    node.fill("/a").await;
    let key = scrimp_core::KeyBuf::new().part(b"other").to_key();
    node.store.remove(key.as_ref(), None);
    assert!(node.get("/a").await, "another key");
}

#[tokio::test(start_paused = true)]
async fn what_is_of_no_more_use_is_a_miss_and_is_deleted() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let node = Node::start(Arc::clone(&objects));
    node.fill("/a").await;
    // The freshness lifetime is 60 s, and ages are three seconds too high at most.
    advance(Duration::from_secs(56)).await;
    assert!(node.get("/a").await);
    advance(Duration::from_secs(4)).await;
    node.fill("/a").await;
    // What is new is not deleted in the place of what was found.
    assert_eq!(names(&*objects).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_deletes_what_is_too_old_up_to_its_limit() {
    let (both, _folder) = both();
    for objects in both {
        let old = "scrimp/0.1/0123456789abcdef0123456789abcdef".into();
        objects
            .put(&old, b"of an older version".to_vec().into())
            .await
            .expect("written");
        let other = "other/0123456789abcdef".into();
        objects
            .put(&other, b"not ours".to_vec().into())
            .await
            .expect("written");
        let builder = BucketStore::builder(Arc::clone(&objects));
        let store = builder.max_lifetime(Duration::from_secs(60)).build();
        let store = store.expect("the settings are right");
        let node = Node::start(Arc::clone(&objects));
        for n in 0..5 {
            node.fill(&format!("/{n}")).await;
        }
        assert_eq!(store.sweep(100).await.expect("a sweep"), 0);
        advance(Duration::from_secs(61)).await;
        for deleted in [4, 2, 0] {
            assert_eq!(store.sweep(4).await.expect("a sweep"), deleted);
        }
        assert_eq!(names(&*objects).await, [other]);
    }
}

#[tokio::test]
async fn a_prefix_that_is_no_path_is_an_error_of_the_setting() {
    for prefix in ["", "a//b", "a/../b", &"a".repeat(201)] {
        let builder = BucketStore::builder(Arc::new(InMemory::new())).prefix(prefix);
        let error = builder.build().expect_err("no path");
        assert_eq!(error.setting(), "prefix", "{prefix}");
    }
}
