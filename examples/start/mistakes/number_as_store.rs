// says: take `MemoryStore::new(mib(256))`
use scrimp::cache::{CacheLayer, mib};

fn main() {
    let _ = CacheLayer::new(mib(1));
}
