//! Broken readiness, and state in the wrong place.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use parking_lot::Mutex;
use scrimp_core::{BodyEnd, BoxError};
use scrimp_testkit::{Scripted, Subject};
use tower::{Service, ServiceExt, layer::layer_fn};

use crate::calls::{Answer, Req, Res, breaks, passing, storing};
use crate::store::{Careless, Store, StoreLayer};

#[test]
fn polling_one_instance_and_driving_another_strands_a_permit() {
    let subject = passing(|inner, req| Box::pin(inner.clone().oneshot(req)));
    breaks("no_permit_is_stranded", &subject, "did not end");
}

#[test]
fn polling_one_instance_and_calling_another_breaks_the_contract() {
    let subject = passing(|inner, req| Box::pin(inner.clone().call(req)));
    breaks(
        "no_permit_is_stranded",
        &subject,
        "had not been polled ready",
    );
}

#[test]
fn a_call_out_of_turn_is_detected_in_an_unjoined_task() {
    let subject = passing(|inner, req| {
        let mut clone = inner.clone();
        tokio::spawn(async move { clone.call(Request::new(())).await });
        Box::pin(inner.call(req))
    });
    breaks("extensions_survive", &subject, "had not been polled ready");
}

#[test]
fn waiting_for_the_backend_fails_a_hit() {
    let subject = storing(|store| store.waits_for_inner = true);
    breaks("a_hit_needs_no_backend", &subject, "did not end");
    breaks("readiness_is_honest", &subject, "Pending");
}

#[test]
fn a_layer_that_stores_and_is_not_declared_to_is_found() {
    let subject = Subject::new(|| StoreLayer::new(Store::default())).answers_alone();
    breaks(
        "a_hit_needs_no_backend",
        &subject,
        "1 calls to the backend in all",
    );
}

#[test]
fn state_of_a_service_is_not_state_of_the_layer() {
    let law = "services_of_one_layer_share_state";
    let subject = storing(|store| store.per_service = true);
    breaks(law, &subject, "did not find");
    let subject = storing(|_| {}).coalesces();
    breaks(law, &subject, "2 upstream calls");
}

#[test]
fn storing_an_incomplete_body_is_detected() {
    let careless: [(Careless, &str); 3] = [
        (|end, _| matches!(end, BodyEnd::Failed), "failed after"),
        (
            |end, _| matches!(end, BodyEnd::Dropped),
            "dropped by its reader",
        ),
        (|_, whole| !whole, "its content-length"),
    ];
    for (stores, saw) in careless {
        let subject = storing(move |store| store.careless = Some(stores));
        breaks("only_a_clean_end_is_committed", &subject, saw);
    }
}

#[test]
fn copied_readiness_is_detected() {
    #[derive(Clone)]
    struct Remembers(Scripted, bool);

    impl Service<Req> for Remembers {
        type Response = Res;
        type Error = BoxError;
        type Future = Answer;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            if !self.1 {
                std::task::ready!(Service::<Req>::poll_ready(&mut self.0, cx))?;
                self.1 = true;
            }
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, req: Req) -> Answer {
            self.1 = false;
            Box::pin(self.0.call(req))
        }
    }

    let subject = Subject::new(|| layer_fn(|inner| Remembers(inner, false)));
    breaks("a_clone_is_not_ready", &subject, "a clone ready");
}

#[test]
fn a_refusal_in_readiness_is_detected() {
    #[derive(Clone)]
    struct Breaker(Scripted, Arc<Mutex<u32>>);

    impl Service<Req> for Breaker {
        type Response = Res;
        type Error = BoxError;
        type Future = Answer;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            if *self.1.lock() > 5 {
                return Poll::Ready(Err("the breaker is open".into()));
            }
            Service::<Req>::poll_ready(&mut self.0, cx)
        }

        fn call(&mut self, req: Req) -> Answer {
            let failures = Arc::clone(&self.1);
            let call = self.0.call(req);
            Box::pin(async move { call.await.inspect_err(|_| *failures.lock() += 1) })
        }
    }

    let subject = Subject::new(|| {
        let failures = Arc::default();
        layer_fn(move |inner| Breaker(inner, Arc::clone(&failures)))
    });
    breaks(
        "refusals_come_from_the_future",
        &subject,
        "the breaker is open",
    );
}

#[test]
fn a_permanent_failure_of_the_layer_is_detected() {
    #[derive(Clone)]
    struct Fuse(Scripted, Arc<Mutex<bool>>);

    impl Service<Req> for Fuse {
        type Response = Res;
        type Error = BoxError;
        type Future = Answer;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            if *self.1.lock() {
                return Poll::Ready(Err("the fuse is blown".into()));
            }
            let ready = Service::<Req>::poll_ready(&mut self.0, cx);
            ready.map_err(|error| {
                *self.1.lock() = true;
                error
            })
        }

        fn call(&mut self, req: Req) -> Answer {
            Box::pin(self.0.call(req))
        }
    }

    let subject = Subject::new(|| {
        let blown = Arc::default();
        layer_fn(move |inner| Fuse(inner, Arc::clone(&blown)))
    });
    let law = "an_unready_inner_fails_the_call_not_the_layer";
    breaks(law, &subject, "the fuse is blown");
}
