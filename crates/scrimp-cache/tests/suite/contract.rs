//! The laws of a tower service, over the cache.

use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_testkit::{Subject, contract};

fn subject() -> Subject {
    Subject::new(|| CacheLayer::new(MemoryStore::new(1 << 20))).stores()
}

contract!(subject());
