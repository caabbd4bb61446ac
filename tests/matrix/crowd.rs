//! Ten thousand requests at once, over a service with one call at a time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use scrimp::Body;
use tokio::time::{sleep, timeout};

use crate::{
    api::pattern,
    between::OneAtATime,
    front::{Front, Place},
    order::{Kind, Order},
};

const CROWD: usize = 10_000;

/// Returns the `n`th request of the crowd, and its response: popular paths, paths that are stored
/// and requested once, items of batches, writes, and responses that are not stored.
fn request(front: &Front, n: usize) -> (http::Request<Body>, Bytes) {
    match n % 10 {
        0..4 => {
            let length = n % 7 * 100;
            (front.request(&format!("/bytes/{length}")), pattern(length))
        }
        4 => {
            let length = n % 1000 + 1000;
            (
                front.request(&format!("/stream/{length}?{n}")),
                pattern(length),
            )
        }
        5 | 6 => {
            let answer = format!("{{\"item\":{}}}", n % 500);
            (
                front.request(&format!("/api/items/{}", n % 500)),
                answer.into(),
            )
        }
        7 => (front.post(pattern(n)), pattern(n)),
        _ => (
            front.request(&format!("/once/{}", n % 300)),
            pattern(n % 300),
        ),
    }
}

async fn all_are_answered(front: &Front, crowd: usize) {
    let calls = (0..crowd).map(|n| {
        let (request, expected) = request(front, n);
        let client = front.client.clone();
        tokio::spawn(async move {
            let response = tower::ServiceExt::oneshot(client, request).await?;
            let answer = crate::front::read(response).await?;
            Ok::<_, scrimp::core::BoxError>(answer.status == 200 && answer.body == expected)
        })
    });
    let answers = timeout(Duration::from_secs(3600), join_all(calls)).await;
    let answers = answers.unwrap_or_else(|_| panic!("{front:?}: a deadlock"));
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap_or_else(|error| panic!("{front:?}: {n}: {error}"));
        let right = answer.unwrap_or_else(|error| panic!("{front:?}: {n}: {error}"));
        assert!(right, "{front:?}: {n}: a wrong response");
    }
}

async fn through_one_permit(orders: impl IntoIterator<Item = Order>, crowd: usize) {
    for order in orders {
        let limit = OneAtATime::default();
        let front = Front::over(Place::InProcess, &order, &limit).await;
        all_are_answered(&front, crowd).await;
        sleep(Duration::from_secs(1)).await;
        front.at_rest("after the crowd");
        assert_eq!(limit.most(), 1, "{front:?}");
        let calls = front.world.calls();
        assert!(calls <= crowd, "{front:?}: {calls} calls");
        // A cache alone saves nothing here: all requests are in flight before the first is stored.
        let shares = order.has(Kind::Coalesce) || order.has(Kind::Batch);
        if shares || order.puts(Kind::Stampede, Kind::Cache) {
            assert!(calls < crowd, "{front:?}: no call was saved");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_are_answered_through_one_permit() {
    through_one_permit(Order::sensible(), CROWD).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_are_answered_through_any_two_layers_and_one_permit() {
    through_one_permit(Order::pairs(), CROWD / 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_are_answered_on_two_threads() {
    for order in Order::sensible() {
        let front = Front::new(Place::InProcess, &order).await;
        all_are_answered(&front, CROWD).await;
        let calls = front.world.calls();
        assert!(calls < CROWD / 2, "{front:?}: {calls} calls");
    }
}
