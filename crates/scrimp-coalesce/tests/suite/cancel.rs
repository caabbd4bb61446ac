//! Callers and readers may leave at any time.

use crate::rig;

use futures_util::{FutureExt, future::join_all};
use http_body_util::BodyExt;
use rig::{begun, crowd, fetch, get, over, read};
use scrimp_coalesce::{Abandoned, CoalesceLayer, ReuseWindow};
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use std::panic::AssertUnwindSafe;
use tower::ServiceExt;

#[tokio::test(start_paused = true)]
async fn any_of_a_hundred_may_be_the_only_one_who_stays() {
    for stays in [0, 1, 50, 99] {
        let gate = Gate::new();
        let layer = CoalesceLayer::new();
        let (service, upstream) = over(&layer, {
            let gate = gate.clone();
            move |_| Reply::body(ScriptedBody::new().data("x")).gate(&gate)
        });
        let mut calls = crowd(&service, "/", 100);
        let stayed = calls.swap_remove(stays);
        drop(calls);
        gate.open();
        assert_eq!(stayed.await.unwrap().body, "x");
        assert_eq!((upstream.calls(), layer.stats().in_flight), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wake_is_not_lost_with_the_one_that_was_woken() {
    let gate = Gate::new();
    let (service, _) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| Reply::body(ScriptedBody::new().data("x")).gate(&gate)
    });
    let mut calls = crowd(&service, "/", 100);
    let last = tokio::spawn(calls.pop().unwrap());
    tokio::task::yield_now().await;
    gate.open();
    // Some of these have been woken to drive the call, and are dropped before that.
    drop(calls);
    assert_eq!(last.await.unwrap().unwrap().body, "x");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_cancelled_calls_leave_no_entry_and_cancel_the_upstream() {
    let layer = CoalesceLayer::new();
    let gate = Gate::new();
    let (service, upstream) = over(&layer, {
        let gate = gate;
        move |_| Reply::body(ScriptedBody::new()).gate(&gate)
    });
    let calls = crowd(&service, "/", 100);
    assert_eq!(layer.stats().in_flight, 1);
    drop(calls);
    assert_eq!(layer.stats().in_flight, 0);
    assert_eq!((upstream.abandoned(), upstream.in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_reads_any_more_is_dropped_at_once() {
    let layer = CoalesceLayer::new();
    let gate = Gate::new();
    let (service, upstream) = over(&layer, {
        let gate = gate.clone();
        move |_| Reply::body(ScriptedBody::new().data("x").gate(&gate).data("y"))
    });
    let responses = join_all((0..3).map(|_| service.clone().oneshot(get("/")))).await;
    assert_eq!((upstream.in_flight(), layer.stats().in_flight), (1, 1));
    drop(responses);
    assert_eq!((upstream.in_flight(), layer.stats().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_response_nobody_took_delivery_of_is_dropped_with_its_last_waiter() {
    let layer = CoalesceLayer::new();
    let (gate, rest) = (Gate::new(), Gate::new());
    let (service, upstream) = over(&layer, {
        let (gate, rest) = (gate.clone(), rest);
        move |_| Reply::body(ScriptedBody::new().data("x").gate(&rest).data("y")).gate(&gate)
    });
    let mut calls: Vec<_> = (0..3)
        .map(|_| begun(service.clone().oneshot(get("/"))))
        .collect();
    gate.open();
    // One caller takes its response and drops it. The others are never polled again.
    assert!(calls[2].poll_now().is_ready());
    assert_eq!(upstream.in_flight(), 1, "two callers still wait for it");
    drop(calls);
    assert_eq!((upstream.in_flight(), layer.stats().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_all_have_left_is_finished_if_so_set_and_given_again() {
    let layer = CoalesceLayer::builder()
        .abandoned(Abandoned::Finish)
        .window(ReuseWindow::new())
        .build()
        .unwrap();
    let (gate, rest) = (Gate::new(), Gate::new());
    let (service, upstream) = over(&layer, {
        let (gate, rest) = (gate.clone(), rest.clone());
        move |_| Reply::body(ScriptedBody::new().data("x").gate(&rest).data("y")).gate(&gate)
    });
    drop(crowd(&service, "/", 10));
    gate.open();
    rest.reached(1).await;
    let response = service.clone().oneshot(get("/")).await.unwrap();
    drop(response);
    rest.open();
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert_eq!((upstream.in_flight(), layer.stats().in_flight), (0, 0));
    assert_eq!(fetch(service, get("/")).await.unwrap().body, "xy");
    assert_eq!((upstream.calls(), layer.stats().reused), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_finished_in_the_background_ends_with_the_layer_and_its_services() {
    let layer = CoalesceLayer::builder()
        .abandoned(Abandoned::Finish)
        .build()
        .unwrap();
    let gate = Gate::new();
    let (service, upstream) = over(&layer, {
        let gate = gate.clone();
        move |_| Reply::body(ScriptedBody::new()).gate(&gate)
    });
    drop(crowd(&service, "/", 2));
    rig::settled().await;
    assert_eq!(upstream.in_flight(), 1);
    drop((service, layer));
    rig::settled().await;
    assert_eq!(upstream.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_callers_and_one_other_calls_in_its_place() {
    for reply in [Reply::panic, Reply::panic_in_call] {
        for polls_first in [0, 1] {
            let layer = CoalesceLayer::new();
            let gate = Gate::new();
            let (service, upstream) = over(&layer, {
                let gate = gate.clone();
                move |_| Reply::body(ScriptedBody::new().data("x")).gate(&gate)
            });
            // `panic_in_call` panics at once, before other callers join.
            upstream.next(reply().gate(&gate).wake());
            let call = || AssertUnwindSafe(fetch(service.clone(), get("/"))).catch_unwind();
            let mut calls: Vec<_> = (0..20).map(|_| tokio::spawn(call())).collect();
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            gate.open();
            if polls_first == 1 {
                calls.rotate_left(1);
            }
            let mut panics = 0;
            for call in calls {
                match call.await.unwrap() {
                    Err(_) => panics += 1,
                    Ok(answer) => assert_eq!(answer.unwrap().body, "x"),
                }
            }
            assert_eq!((panics, upstream.calls()), (1, 2));
            assert_eq!(layer.stats().in_flight, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_always_panics_is_not_called_by_everybody() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| Reply::panic().gate(&gate)
    });
    let call = || AssertUnwindSafe(fetch(service.clone(), get("/"))).catch_unwind();
    let calls: Vec<_> = (0..100).map(|_| tokio::spawn(call())).collect();
    gate.reached(1).await;
    tokio::task::yield_now().await;
    gate.open();
    let mut statuses = Vec::new();
    for call in calls {
        if let Ok(answer) = call.await.unwrap() {
            statuses.push(answer.unwrap().status.as_u16());
        }
    }
    assert_eq!(upstream.calls(), 3);
    assert_eq!(statuses, vec![502; 97]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_in_mid_body_takes_nothing_along() {
    for leaves in 0..3 {
        let gate = Gate::new();
        let (service, _) = over(&CoalesceLayer::new(), {
            let gate = gate.clone();
            move |_| Reply::body(ScriptedBody::new().data("x").gate(&gate).wake().data("y"))
        });
        let mut readers = Vec::new();
        for _ in 0..3 {
            let mut response = service.clone().oneshot(get("/")).await.unwrap();
            response.frame().await.unwrap().unwrap();
            readers.push(begun(read(response)));
        }
        drop(readers.remove(leaves));
        gate.open();
        for reader in readers {
            assert_eq!(reader.await.unwrap().body, "y");
        }
    }
}
