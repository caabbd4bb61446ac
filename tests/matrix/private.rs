//! Ownership and age of responses, which must be right in every order of layers.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, header::AUTHORIZATION};
use scrimp::core::extensions::Tenant;
use tokio::time::sleep;

use crate::{
    between::OneAtATime,
    front::{Front, Place},
    order::Order,
};

const USERS: usize = 8;

/// Sends the requests of all users at once, twice.
async fn each_gets_their_own(
    front: &Front,
    path: &str,
    dress: impl Fn(&mut http::Request<scrimp::Body>, &str),
) {
    for round in 0..2 {
        let calls = (0..USERS * 3).map(|n| {
            let user = format!("user-{}", n % USERS);
            let mut request = front.request(path);
            dress(&mut request, &user);
            async move {
                let answer = front.send(request).await;
                let answer = answer.unwrap_or_else(|error| panic!("{front:?}: {path}: {error}"));
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                let own = text.contains(&user);
                assert!(own, "{front:?}: {path}, round {round}: {user} got {text}");
            }
        });
        join_all(calls).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_user_gets_a_response_for_another_user() {
    for order in Order::permutations().into_iter().chain(Order::pairs()) {
        let front = Front::new(Place::InProcess, &order).await;
        for path in [
            "/whoami/private",
            "/whoami/minute",
            "/whoami/silent",
            "/api/whoami/1",
        ] {
            each_gets_their_own(&front, path, |request, user| {
                let value = user.parse().expect("a value");
                request.headers_mut().insert(AUTHORIZATION, value);
            })
            .await;
        }
        each_gets_their_own(&front, "/whoami/vary", |request, user| {
            let value = user.parse().expect("a value");
            request.headers_mut().insert("x-user", value);
        })
        .await;
        // A tenant is identified by its extension alone.
        each_gets_their_own(&front, "/whoami/tenant", |request, user| {
            request.extensions_mut().insert(Tenant(user.into()));
        })
        .await;
        front.at_rest("after users");
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_reads_its_own_write() {
    for order in Order::permutations().into_iter().chain(Order::pairs()) {
        let front = Front::over(Place::InProcess, &order, &OneAtATime::default()).await;
        for version in 1..4 {
            // In flight when the write arrives.
            let early: Vec<_> = (0..3)
                .map(|_| {
                    let (client, request) = (front.client.clone(), front.request("/doc/1"));
                    tokio::spawn(tower::ServiceExt::oneshot(client, request))
                })
                .collect();
            if version % 2 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
            let mut write = front.request("/doc/1");
            *write.method_mut() = Method::POST;
            let written = front.send(write).await.expect("a write");
            assert_eq!(written.body, version.to_string(), "{front:?}");
            let reads = join_all((0..3).map(|_| front.get("/doc/1"))).await;
            for read in reads {
                assert_eq!(read.body, version.to_string(), "{front:?}: after the write");
            }
            for early in early {
                early.await.expect("no panic").expect("an answer");
            }
            let read = front.get("/doc/1").await;
            assert_eq!(read.body, version.to_string(), "{front:?}: later");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn heads_parts_and_conditions_are_answered_correctly() {
    for order in Order::permutations().into_iter().chain(Order::pairs()) {
        let front = Front::new(Place::InProcess, &order).await;
        for round in 0..2 {
            let mut head = front.request("/tagged/1000");
            *head.method_mut() = Method::HEAD;
            let answer = front.send(head).await.expect("an answer");
            assert_eq!(
                (answer.status.as_u16(), answer.body.len()),
                (200, 0),
                "{front:?}"
            );
            let whole = front.get("/tagged/1000").await;
            assert!(whole.body == crate::api::pattern(1000), "{front:?}");
            let with = async |name: &'static str, value: &str| {
                let mut request = front.request("/tagged/1000");
                request
                    .headers_mut()
                    .insert(name, value.parse().expect("a value"));
                front.send(request).await.expect("an answer")
            };
            let known = with("if-none-match", "\"v1\"").await;
            assert_eq!(
                (known.status.as_u16(), known.body.len()),
                (304, 0),
                "{front:?}, {round}"
            );
            let other = with("if-none-match", "\"v0\"").await;
            assert_eq!(
                (other.status.as_u16(), other.body.len()),
                (200, 1000),
                "{front:?}, {round}"
            );
            let part = with("range", "bytes=10-19").await;
            // The API does not support ranges; a cache does.
            let right = match part.status.as_u16() {
                206 => part.body == crate::api::pattern(1000)[10..20],
                200 => part.body == crate::api::pattern(1000),
                _ => false,
            };
            assert!(right, "{front:?}, {round}: {part:?}");
        }
        front.at_rest("after heads");
    }
}
