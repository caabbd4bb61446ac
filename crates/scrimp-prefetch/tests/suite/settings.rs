//! Settings that are out of their range.

use std::time::Duration;

use scrimp_prefetch::{MarkovPredictor, PrefetchLayer, PrefetchLayerBuilder, SessionKey};

fn builder() -> PrefetchLayerBuilder {
    PrefetchLayer::builder(SessionKey::tenant())
}

fn message(builder: PrefetchLayerBuilder) -> String {
    builder.build().expect_err("an invalid setting").to_string()
}

#[test]
fn money_needs_a_price_and_one_currency() {
    assert_eq!(
        message(builder().value_of_waiting("1")),
        "PrefetchLayer: `price` must be set beside `value_of_waiting`"
    );
    assert_eq!(
        message(builder().value_of_waiting("1").price("0.1 EUR")),
        "PrefetchLayer: `price` must be in USD, but is 0.10 EUR"
    );
    let budget = builder().value_of_waiting("1").price("0.1");
    assert_eq!(
        message(budget.budget_per_hour("3 EUR")),
        "PrefetchLayer: `budget_per_hour` must be in USD, but is 3.00 EUR"
    );
    assert!(message(builder().price("-1")).contains("`price` must not be negative"));
    assert!(builder().price("0.1").build().is_ok());
}

#[test]
fn the_first_invalid_setting_is_named() {
    let zero = Duration::ZERO;
    for (builder, setting) in [
        (builder().min_confidence(1.1), "min_confidence"),
        (builder().keep(zero), "keep"),
        (builder().session_idle(zero), "session_idle"),
        (builder().max_sessions(0), "max_sessions"),
        (builder().max_items(0), "max_items"),
        (builder().max_pending(0), "max_pending"),
        (builder().max_fetches(0), "max_fetches"),
        (builder().max_events(0), "max_events"),
        (builder().per_request(9), "per_request"),
        (builder().fetch_timeout(zero), "fetch_timeout"),
        (builder().rest(zero), "rest"),
        (builder().lead(Duration::MAX), "lead"),
    ] {
        let error = builder
            .max_items(0)
            .build()
            .expect_err("an invalid setting");
        assert_eq!(error.setting(), setting);
    }
    let error = MarkovPredictor::builder().contexts(1).items(1).build();
    assert_eq!(error.expect_err("an invalid setting").setting(), "contexts");
}
