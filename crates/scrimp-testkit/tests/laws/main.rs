//! The laws, over layers that keep them and over layers that deliberately break them.

mod bodies;
mod calls;
mod cancel;
mod flight;
mod readiness;
mod sharing;
mod store;

use scrimp_testkit::laws;
use tower::ServiceExt;

use calls::passing;

/// A layer that does nothing keeps every law that applies to it.
mod identity {
    use scrimp_testkit::{Subject, contract};
    use tower::layer::util::Identity;

    contract!(Subject::new(Identity::new));
}

/// A plain cache can keep the laws for layers that respond alone.
mod cache {
    use crate::calls::storing;
    use scrimp_testkit::contract;

    contract!(storing(|_| {}));
}

/// Single flight with complete responses keeps all laws except a few.
mod single_flight {
    use crate::flight::SingleFlightLayer;
    use scrimp_testkit::{Subject, contract};

    contract!(
        Subject::new(SingleFlightLayer::default)
            .coalesces()
            .except(
                "a_permit_lives_as_long_as_the_body",
                "bodies are read whole before they are shared",
            )
            .except(
                "no_poll_without_a_wake",
                "bodies are read whole before they are shared",
            )
            .except(
                "only_a_clean_end_is_committed",
                "bodies are read whole before they are shared",
            )
            .except(
                "a_private_response_goes_to_one_caller",
                "it does not know HTTP",
            )
    );
}

#[test]
fn an_exception_is_honoured_and_a_violation_names_its_law() {
    let subject = passing(|inner, req| Box::pin(inner.clone().oneshot(req)));
    let violation = laws::law("no_permit_is_stranded")
        .check(&subject)
        .unwrap_err();
    let told = violation.to_string();
    for part in ["law 1", "no_permit_is_stranded", "saw:", "expected:"] {
        assert!(told.contains(part), "{told}");
    }
    laws::assert(
        "no_permit_is_stranded",
        &subject.except("no_permit_is_stranded", "it is the example of how not to"),
    );
}
