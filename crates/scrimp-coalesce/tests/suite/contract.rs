//! The laws of a tower service, over the layer in its different settings.

use scrimp_coalesce::{Abandoned, CoalesceLayer, OnError};
use scrimp_testkit::{Subject, contract};

mod by_default {
    use super::*;

    contract!(Subject::new(CoalesceLayer::new).coalesces());
}

mod with_another_to_try_again {
    use super::*;

    fn layer() -> CoalesceLayer {
        CoalesceLayer::builder()
            .on_error(OnError::Reelect { attempts: 3 })
            .build()
            .unwrap()
    }

    contract!(Subject::new(layer).coalesces());
}

mod with_a_log_of_one_byte {
    use super::*;

    contract!(Subject::new(|| CoalesceLayer::builder().max_bytes(1).build().unwrap()).coalesces());
}

mod finishing_what_is_abandoned {
    use super::*;

    fn layer() -> CoalesceLayer {
        CoalesceLayer::builder()
            .abandoned(Abandoned::Finish)
            .build()
            .unwrap()
    }

    contract!(Subject::new(layer).coalesces().finishes_abandoned());
}

mod with_a_window {
    use super::*;
    use scrimp_coalesce::ReuseWindow;
    use std::time::Duration;

    /// Returns a layer that reuses no errors: the laws check that a layer works as soon as its
    /// upstream does.
    fn layer() -> CoalesceLayer {
        CoalesceLayer::builder()
            .window(ReuseWindow::new().errors(Duration::ZERO))
            .build()
            .unwrap()
    }

    contract!(Subject::new(layer).coalesces().stores());
}
