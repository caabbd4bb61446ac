//! The laws of a tower service, over the router.

use scrimp_cost_route::{CostRouteLayer, Price, Provider};
use scrimp_testkit::{Subject, contract};

fn subject() -> Subject {
    Subject::new(|| {
        let provider = |name: &str| Provider::new(name).price(Price::Free);
        CostRouteLayer::new([provider("one"), provider("two")])
    })
    .answers_alone()
}

contract!(subject());
