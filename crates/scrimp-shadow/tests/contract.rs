//! The laws of a tower service, with other layers in the shadow.

use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_coalesce::CoalesceLayer;
use scrimp_shadow::ShadowLayer;
use scrimp_testkit::{Subject, contract};

mod of_a_cache {
    use super::*;

    fn layer() -> ShadowLayer {
        ShadowLayer::new(
            CacheLayer::builder(MemoryStore::new(1 << 20))
                .build()
                .unwrap(),
        )
    }

    contract!(Subject::new(layer));
}

mod of_coalescing_with_room_for_one {
    use super::*;

    fn layer() -> ShadowLayer {
        let layer = ShadowLayer::builder(CoalesceLayer::new());
        layer.max_requests(1).max_bytes(1).build().unwrap()
    }

    contract!(Subject::new(layer));
}
