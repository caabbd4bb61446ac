//! The laws of a tower service: over the layer alone, and over the stack it is made for.

use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_stampede::StampedeLayer;
use scrimp_testkit::{Subject, contract};
use tower::layer::util::Stack;

mod alone {
    use super::*;

    contract!(Subject::new(StampedeLayer::new).answers_alone());
}

mod over_a_cache {
    use super::*;

    fn stack() -> Stack<CacheLayer, StampedeLayer> {
        let cache = CacheLayer::new(MemoryStore::new(1 << 20));
        Stack::new(cache, StampedeLayer::new())
    }

    contract!(Subject::new(stack).stores());
}
