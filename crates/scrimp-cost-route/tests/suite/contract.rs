//! The laws of a tower service, over the router.

use scrimp_cost_route::{CostRouteLayer, CostRouteLayerBuilder, Price, Provider};

fn layer() -> CostRouteLayerBuilder {
    let provider = |name: &str| Provider::new(name).price(Price::Free);
    CostRouteLayer::builder([provider("one"), provider("two")])
}

mod with_failing_over {
    use scrimp_testkit::{Subject, contract};

    fn subject() -> Subject {
        Subject::new(|| super::layer().build().unwrap())
            .answers_alone()
            .except(
                "no_poll_without_a_wake",
                "the head waits for the first byte, up to which another provider may be tried",
            )
    }

    contract!(subject());
}

mod with_one_attempt {
    use scrimp_testkit::{Subject, contract};

    fn subject() -> Subject {
        Subject::new(|| super::layer().attempts(1).build().unwrap()).answers_alone()
    }

    contract!(subject());
}
