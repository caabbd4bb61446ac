//! The store over objects in memory, local files, and a server that speaks S3.

mod failure;
mod fleet;
mod objects;
mod retention;
mod rig;
mod s3;
mod tiers;
mod unconditional;

use std::sync::Arc;

use object_store::memory::InMemory;
use scrimp_cache::CacheLayer;
use scrimp_object::BucketStore;
use scrimp_testkit::{Subject, contract};

fn subject() -> Subject {
    Subject::new(|| CacheLayer::new(BucketStore::new(Arc::new(InMemory::new())))).stores()
}

contract!(subject());
