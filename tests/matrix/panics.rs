//! Panics of the inner service.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::{
    api::pattern,
    between::OneAtATime,
    front::{Front, Place},
    order::Order,
};

/// Checks that each caller gets a panic, an error or a response.
async fn all_end(front: &Front, paths: [&str; 3]) {
    let calls = paths.map(|path| {
        let (client, request) = (front.client.clone(), front.request(path));
        tokio::spawn(async move {
            let response = tower::ServiceExt::oneshot(client, request).await?;
            crate::front::read(response).await
        })
    });
    for call in calls {
        let ended = timeout(Duration::from_secs(60), call).await;
        if let Ok(Ok(answer)) = ended.unwrap_or_else(|_| panic!("{front:?}: one hangs")) {
            let right = answer.status.is_server_error() || answer.status == 200;
            assert!(right, "{front:?}: {answer:?}");
        }
    }
    sleep(Duration::from_secs(1)).await;
    front.at_rest("after a panic");
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_the_next_request_works() {
    for order in Order::matrix() {
        let front = Front::over(Place::InProcess, &order, &OneAtATime::default()).await;
        all_end(&front, ["/panic/500"; 3]).await;
        let answer = front.get("/panic/500").await;
        assert!(answer.body == pattern(500), "{front:?}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_of_a_batch_the_next_one_works() {
    let paths = ["/api/items/12", "/api/items/13", "/api/items/14"];
    for order in Order::matrix() {
        let front = Front::over(Place::InProcess, &order, &OneAtATime::default()).await;
        all_end(&front, paths).await;
        for n in 12..15 {
            let answer = front.get(&format!("/api/items/{n}")).await;
            assert_eq!(answer.body, format!("{{\"item\":{n}}}"), "{front:?}");
        }
    }
}

#[tokio::test]
async fn over_sockets_the_next_request_works_too() {
    for order in Order::sensible() {
        for place in [Place::Axum, Place::Hyper, Place::Reqwest] {
            let front = Front::new(place, &order).await;
            for path in ["/panic/500"; 3] {
                // A connection that breaks off, or a response to another attempt.
                let _ = front.send(front.request(path)).await;
            }
            let answer = front.get("/panic/500").await;
            assert!(answer.body == pattern(500), "{front:?}: {answer:?}");
        }
    }
}
