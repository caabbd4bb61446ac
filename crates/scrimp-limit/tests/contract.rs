//! The laws of a tower service, over the layer in its different settings.

use std::time::Duration;

use scrimp_limit::LimitLayer;
use scrimp_testkit::{Subject, contract};

mod far_below_its_rate {
    use super::*;

    fn layer() -> LimitLayer {
        LimitLayer::per_second(1_000_000).build().unwrap()
    }

    contract!(Subject::new(layer).answers_alone());
}

mod with_every_request_in_line {
    use super::*;

    fn layer() -> LimitLayer {
        LimitLayer::per_second(100).burst(1).build().unwrap()
    }

    contract!(Subject::new(layer).answers_alone());
}

mod with_a_limit_for_each_key_and_no_waiting {
    use super::*;

    fn layer() -> LimitLayer {
        LimitLayer::per_second(10_000)
            .key(|parts| Some(parts.uri.clone()))
            .max_wait(Duration::ZERO)
            .build()
            .unwrap()
    }

    contract!(Subject::new(layer).answers_alone());
}
