//! Callers that leave.

mod vendor;

use futures_util::future::join_all;
use scrimp_core::extensions::Tenant;
use tokio::time::timeout;
use vendor::{
    Call, Form,
    rig::{HOUR, MINUTE, Rig},
};

#[tokio::test(start_paused = true)]
async fn a_request_whose_caller_has_left_is_not_sent() {
    let rig = Rig::new(Form::OpenAi);
    let gone = (0..100).map(|n| timeout(MINUTE / 2, rig.answer(n, "ok", 6 * HOUR)));
    assert!(join_all(gone).await.iter().all(Result::is_err));
    assert_eq!(rig.layer.stats().waiting, 0);
    tokio::time::sleep(HOUR).await;
    assert_eq!(
        (rig.vendor.count(Call::Create), rig.vendor.count(Call::Own)),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_paid_for_is_kept_for_the_next_equal_request_of_the_same_tenant() {
    let rig = Rig::new(Form::OpenAi);
    let ask = |tenant: &'static str| {
        let mut request = rig.request(1, "ok", 20 * HOUR);
        request.extensions_mut().insert(Tenant::from(tenant));
        rig.ask(request)
    };
    assert!(timeout(MINUTE + MINUTE / 20, ask("ann")).await.is_err());
    assert_eq!(rig.vendor.count(Call::Create), 1, "it is in a job");
    tokio::time::sleep(HOUR).await;
    assert_eq!(ask("ann").await.1["own"], false);
    assert_eq!(
        (rig.vendor.count(Call::Create), rig.layer.stats().joined),
        (1, 1)
    );
    // Another tenant has its own, and so has the next request.
    assert_eq!(ask("bob").await.1["own"], false);
    assert_eq!(ask("ann").await.1["own"], false);
    assert_eq!(rig.vendor.count(Call::Create), 3);
}

#[tokio::test(start_paused = true)]
async fn two_equal_requests_at_once_are_two_requests() {
    let rig = Rig::new(Form::OpenAi);
    let (one, two) = tokio::join!(rig.answer(1, "ok", 6 * HOUR), rig.answer(1, "ok", 6 * HOUR));
    assert_eq!((one.0, two.0), (200, 200));
    assert_eq!(
        rig.vendor.state().jobs[0].items.len(),
        2,
        "the same question may be asked twice on purpose"
    );
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_not_polled_does_nothing() {
    let rig = Rig::new(Form::OpenAi);
    let unpolled = rig.answer(1, "ok", 6 * HOUR);
    tokio::time::sleep(HOUR).await;
    drop(unpolled);
    assert_eq!(rig.layer.stats().deferred, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_asked_for_is_removed_after_the_retention() {
    let rig = Rig::with(Form::OpenAi, |builder| builder.retention(2 * HOUR));
    assert!(
        timeout(MINUTE + MINUTE / 20, rig.answer(1, "ok", 20 * HOUR))
            .await
            .is_err()
    );
    tokio::time::sleep(4 * HOUR).await;
    assert_eq!(rig.answer(1, "ok", 20 * HOUR).await.1["own"], false);
    assert_eq!(
        (rig.vendor.count(Call::Create), rig.layer.stats().joined),
        (2, 0)
    );
}
