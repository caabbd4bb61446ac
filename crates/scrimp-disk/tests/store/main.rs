//! The store across restarts, with damaged files and full disks, and under a process that is killed.

mod bounds;
mod broken;
mod erase;
mod full;
mod kill;
mod restart;
mod rig;
#[cfg(unix)]
mod secrets;
mod tiers;
mod warm;

use scrimp_cache::CacheLayer;
use scrimp_disk::DiskStore;
use scrimp_testkit::{Subject, contract};
use tempfile::TempDir;

fn subject() -> Subject {
    Subject::new(|| {
        // Each layer has its own folder, which is not deleted while files are being written.
        let folder = TempDir::new().expect("a folder").keep();
        let store = DiskStore::builder(folder, 1 << 20).build();
        CacheLayer::new(store.expect("a store"))
    })
    .stores()
}

contract!(subject());
