//! Callers' own time limits, while they wait for each other's calls.

use std::time::Duration;

use scrimp::core::extensions::Deadline;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tower::ServiceExt;

use crate::{
    between::Slow,
    front::{Answer, Front, Place, read},
    order::{Kind, Order},
};

/// Time of a call. It is shorter than every time limit of the layers themselves.
const CALL: Duration = Duration::from_secs(1);

/// Sends a request from a task of its own. Returns the response, and the time that it took.
fn call(front: &Front, path: &str, limit: Option<Duration>) -> JoinHandle<(Answer, Duration)> {
    let (mut request, began) = (front.request(path), Instant::now());
    if let Some(limit) = limit {
        request.extensions_mut().insert(Deadline(began + limit));
    }
    let call = front.client.clone().oneshot(request);
    tokio::spawn(async move {
        let answer = read(call.await.expect("a response")).await;
        (answer.expect("a body"), began.elapsed())
    })
}

#[tokio::test(start_paused = true)]
async fn callers_leave_at_their_own_limits_and_the_others_get_the_response() {
    for order in Order::matrix().filter(answers_in_time) {
        for path in ["/bytes/9", "/stream/9", "/api/items/1"] {
            let front = Front::over(Place::InProcess, &order, &Slow(CALL)).await;
            let limits = [CALL / 2, CALL / 4, 3 * CALL / 4];
            let hasty: Vec<_> = limits
                .iter()
                .map(|limit| call(&front, path, Some(*limit)))
                .collect();
            sleep(Duration::from_millis(1)).await;
            let patient = [None, Some(60 * CALL)].map(|limit| call(&front, path, limit));
            for (call, limit) in hasty.into_iter().zip(limits) {
                let (late, waited) = call.await.expect("no panic");
                assert_eq!(late.status, 504, "{front:?}: {path}: {late:?}");
                // The clock of tokio's timers ticks in milliseconds.
                let tick = Duration::from_millis(1);
                assert!(waited <= limit + tick, "{front:?}: {path}: {waited:?}");
            }
            for call in patient {
                let (answer, waited) = call.await.expect("no panic");
                assert_eq!(answer.status, 200, "{front:?}: {path}: {answer:?}");
                assert!(waited < 3 * CALL, "{front:?}: {path}: {waited:?}");
            }
            if path == "/bytes/9" && shares(&order) {
                assert_eq!(front.world.calls(), 1, "{front:?}");
            }
            sleep(CALL).await;
            front.at_rest("after late callers");
        }
    }
}

/// Reports whether a layer ends a call at its caller's limit. Limits and prefetches pass calls on as they are.
fn answers_in_time(order: &Order) -> bool {
    let others = [
        Kind::Stampede,
        Kind::Cache,
        Kind::Coalesce,
        Kind::Batch,
        Kind::CostRoute,
    ];
    others.into_iter().any(|kind| order.has(kind))
}

/// Reports whether equal requests share their call, from the first one on. Without a cache, the
/// layer against stampedes finds that nothing is stored, and the waiters then go alone.
fn shares(order: &Order) -> bool {
    let fills = order.puts(Kind::Stampede, Kind::Cache);
    fills || order.has(Kind::Coalesce) && !order.puts(Kind::Stampede, Kind::Coalesce)
}
