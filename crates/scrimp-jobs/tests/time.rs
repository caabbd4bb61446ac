//! Deadlines.

mod vendor;

use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::Full;
use scrimp_core::extensions::{Deadline, DueBy, Priority};
use tokio::time::Instant;
use vendor::{
    Call, Fault, Form,
    rig::{HOUR, MINUTE, Rig},
};

#[tokio::test(start_paused = true)]
async fn a_request_without_time_goes_to_the_inner_service_at_once() {
    let rig = Rig::new(Form::OpenAi);
    let plain = || vendor::rig::request(Form::OpenAi, vendor::rig::BASE, 1, "ok").map(Full::new);
    let began = Instant::now();
    assert_eq!(rig.ask(plain()).await.1["own"], true);
    let mut urgent = rig.request(1, "ok", 20 * HOUR);
    urgent.extensions_mut().insert(Priority::High);
    assert_eq!(rig.ask(urgent).await.1["own"], true);
    assert_eq!(
        rig.answer(1, "ok", 30 * MINUTE).await.1["own"],
        true,
        "no job of an hour fits"
    );
    assert_eq!(began.elapsed(), Duration::ZERO);
    let stats = rig.layer.stats();
    assert_eq!((stats.bypassed, stats.requests, stats.deferred), (3, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn low_priority_and_a_time_that_others_want_are_time_too() {
    let rig = Rig::new(Form::OpenAi);
    let mut low = vendor::rig::request(Form::OpenAi, vendor::rig::BASE, 1, "ok").map(Full::new);
    low.extensions_mut().insert(Priority::Low);
    assert_eq!(rig.ask(low).await.1["own"], false);
    let mut due = vendor::rig::request(Form::OpenAi, vendor::rig::BASE, 2, "ok").map(Full::new);
    due.extensions_mut()
        .insert(DueBy(Instant::now() + 5 * HOUR));
    assert_eq!(rig.ask(due).await.1["own"], false);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_end_costs_no_deadline() {
    let rig = Rig::new(Form::OpenAi);
    rig.vendor.state().polls = u64::MAX;
    let began = Instant::now();
    let asked = (0..200).map(|n| rig.answer(n, "ok", 5 * HOUR));
    assert!(
        join_all(asked)
            .await
            .iter()
            .all(|(status, body)| *status == 200 && body["own"] == true)
    );
    let took = began.elapsed();
    assert!(took < 5 * HOUR && took > 4 * HOUR + 30 * MINUTE, "{took:?}");
    // Each was called once, and the answers of the job are not waited for any more.
    assert!(rig.vendor.state().own.values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_right_before_its_requests_are_due_is_asked_once_more() {
    let rig = Rig::with(Form::OpenAi, |builder| builder.poll(MINUTE, 24 * HOUR));
    rig.vendor.state().polls = 1;
    rig.vendor.fault(Call::Status, Fault::Later(23 * 3_600));
    assert_eq!(rig.answer(1, "ok", 5 * HOUR).await.1["own"], false);
}

#[tokio::test(start_paused = true)]
async fn what_jobs_take_is_learned_and_decides_who_may_be_deferred() {
    let rig = Rig::with(Form::OpenAi, |builder| builder.poll(MINUTE, MINUTE));
    // Jobs take some five hours here, and not one.
    rig.vendor.state().polls = 300;
    assert_eq!(rig.answer(1, "ok", 12 * HOUR).await.1["own"], false);
    let began = Instant::now();
    assert_eq!(rig.answer(2, "ok", 4 * HOUR).await.1["own"], true);
    assert_eq!(began.elapsed(), Duration::ZERO, "it did not wait in vain");
}

#[tokio::test(start_paused = true)]
async fn a_caller_at_its_deadline_gets_a_problem_if_there_is_no_place_for_its_call() {
    let rig = Rig::with(Form::OpenAi, |builder| builder.calls_at_once(1));
    rig.vendor.state().polls = u64::MAX;
    rig.vendor.fault(Call::Own, Fault::Hold { effect: false });
    let (one, two) = tokio::join!(
        async { tokio::time::timeout(6 * HOUR, rig.answer(1, "ok", 5 * HOUR)).await },
        async { tokio::time::timeout(6 * HOUR, rig.answer(2, "ok", 5 * HOUR)).await },
    );
    let answers: Vec<_> = [one, two].into_iter().flatten().collect();
    assert_eq!(
        answers.len(),
        1,
        "the call that hangs is the inner service's"
    );
    assert_eq!(answers[0].0, 504);
    assert_eq!(rig.layer.stats().timed_out, 1);
}

#[tokio::test(start_paused = true)]
async fn an_expected_answer_in_time_is_no_deadline_of_the_connection() {
    // The deadline of a request is an instant, and the queue has dates: both move together.
    let rig = Rig::new(Form::OpenAi);
    let mut request = rig.request(1, "ok", 3 * HOUR);
    let Deadline(due) = *request.extensions().get::<Deadline>().unwrap();
    request.extensions_mut().insert(Deadline(due + HOUR));
    assert_eq!(rig.ask(request).await.1["own"], false);
}
