//! The laws of a tower service, over the layer in its different settings.

use std::time::Duration;

use scrimp_prefetch::{PrefetchLayer, RulePredictor, SessionKey};
use scrimp_testkit::{Subject, contract};

mod without_a_session {
    use super::*;

    fn layer() -> PrefetchLayer {
        PrefetchLayer::builder(SessionKey::tenant())
            .build()
            .unwrap()
    }

    contract!(Subject::new(layer));
}

mod learning_and_fetching_nothing {
    use super::*;

    fn layer() -> PrefetchLayer {
        let key = SessionKey::by(|_, _| Some("all"));
        PrefetchLayer::builder(key).build().unwrap()
    }

    contract!(Subject::new(layer));
}

mod with_plans_for_later {
    use super::*;

    fn layer() -> PrefetchLayer {
        let hour = Duration::from_secs(3_600);
        let rules = RulePredictor::new().rule("/items/{id}", "/later/{id}", 0.9, hour);
        PrefetchLayer::builder(SessionKey::by(|_, _| Some("all")))
            .rules(rules.unwrap())
            .value_of_waiting("1")
            .price("0.001")
            .build()
            .unwrap()
    }

    contract!(Subject::new(layer));
}
