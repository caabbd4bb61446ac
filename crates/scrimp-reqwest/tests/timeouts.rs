//! A caller's own time limit, around a whole stack.

mod common;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use common::{Server, cache, kept, plain, status, transport};
use futures_util::StreamExt;
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{BoxError, box_error, extensions::Deadline};
use scrimp_reqwest::{SessionLayer, Transport};
use scrimp_testkit::Gate;
use tokio::time::Instant;
use tower::{Layer, ServiceBuilder, ServiceExt};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

/// A server whose first response waits for a gate.
async fn behind(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::start(move |_, _| {
        let opened = gate.opened();
        async move {
            opened.await;
            kept("1.07")
        }
    })
    .await
}

/// A server whose responses have a beginning, and the rest behind a gate.
async fn begun(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::start(move |_, _| {
        let opened = gate.opened();
        let rest = futures_util::stream::once(async move {
            opened.await;
            Ok::<_, BoxError>(Bytes::from("gun"))
        });
        let first = futures_util::stream::iter([Ok(Bytes::from("be"))]);
        async move { kept(Body::from_stream(first.chain(rest))) }
    })
    .await
}

/// A request as reqwest makes it, with its time-out where reqwest keeps it.
fn converted(url: &str, limit: Duration) -> http::Request<reqwest::Body> {
    let request = plain().get(url).timeout(limit).build().unwrap();
    request.try_into().unwrap()
}

#[cfg(feature = "middleware")]
mod through_a_client {
    use super::*;

    fn client() -> reqwest_middleware::ClientWithMiddleware {
        let stack = ServiceBuilder::new()
            .layer(CoalesceLayer::new())
            .map_err(box_error as fn(reqwest::Error) -> BoxError)
            .service(transport());
        scrimp_reqwest::client_with(stack)
    }

    #[tokio::test]
    async fn a_follower_times_out_by_itself_and_the_call_goes_on() {
        let gate = Gate::new();
        let server = behind(&gate).await;
        let client = client();
        let leader = tokio::spawn(client.get(server.url("/")).send());
        gate.reached(1).await;
        let hasty = client.get(server.url("/")).timeout(SHORT).send().await;
        let error = hasty.expect_err("the gate is shut");
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(error.url().unwrap().as_str(), server.url("/"));
        gate.open();
        let led = leader.await.unwrap().unwrap().text().await;
        assert_eq!((led.unwrap().as_str(), server.calls()), ("1.07", 1));
    }

    #[tokio::test]
    async fn a_leader_times_out_by_itself_and_its_followers_do_not() {
        let gate = Gate::new();
        let server = behind(&gate).await;
        let client = client();
        let hasty = client.get(server.url("/")).timeout(SHORT);
        let hasty = tokio::spawn(hasty.send());
        gate.reached(1).await;
        let patient = client.get(server.url("/")).timeout(LONG);
        let patient = tokio::spawn(patient.send());
        assert!(hasty.await.unwrap().unwrap_err().is_timeout());
        gate.open();
        let answer = patient.await.unwrap().unwrap().text().await;
        assert_eq!((answer.unwrap().as_str(), server.calls()), ("1.07", 1));
    }

    #[tokio::test]
    async fn the_limit_includes_the_body_for_its_own_reader_only() {
        let gate = Gate::new();
        let server = begun(&gate).await;
        let client = client();
        let hasty = client.get(server.url("/")).timeout(SHORT);
        let hasty = hasty.send().await.expect("the head is there");
        let patient = client.get(server.url("/")).send().await.unwrap();
        let error = hasty.text().await.expect_err("the gate is shut");
        assert!(error.is_timeout(), "{error:?}");
        gate.open();
        assert_eq!(patient.text().await.unwrap(), "begun");
        assert_eq!(server.calls(), 1);
    }

    #[tokio::test]
    async fn an_answer_in_time_is_whole() {
        let gate = Gate::new();
        gate.open();
        let server = begun(&gate).await;
        let request = client().get(server.url("/")).timeout(LONG);
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), "begun");
    }

    #[tokio::test]
    async fn a_deadline_in_the_extensions_is_a_time_out_too() {
        let gate = Gate::new();
        let server = behind(&gate).await;
        let stacks = [client(), scrimp_reqwest::client_with(transport())];
        for client in stacks {
            let deadline = Deadline(Instant::now() + SHORT);
            let request = client.get(server.url("/")).with_extension(deadline);
            assert!(request.send().await.unwrap_err().is_timeout());
        }
    }

    #[tokio::test]
    async fn the_time_out_of_a_request_goes_beyond_that_of_the_client() {
        let gate = Gate::new();
        let server = behind(&gate).await;
        let quick = reqwest::Client::builder().timeout(SHORT);
        let transport = Transport::new(quick).unwrap();
        let client = scrimp_reqwest::client_with(cache().layer(transport));
        let began = Instant::now();
        let short = client.get(server.url("/")).send();
        let long = client.get(server.url("/")).timeout(LONG).send();
        let open = async {
            let short = short.await;
            gate.open();
            (short, began.elapsed())
        };
        let ((short, waited), long) = tokio::join!(open, long);
        assert!(short.unwrap_err().is_timeout());
        assert!(waited >= SHORT);
        assert_eq!(long.unwrap().text().await.unwrap(), "1.07");
    }
}

#[tokio::test]
async fn below_a_session_a_time_out_is_a_deadline_of_the_layers() {
    let gate = Gate::new();
    let server = behind(&gate).await;
    let stack = ServiceBuilder::new()
        .layer(SessionLayer::new())
        .layer(CoalesceLayer::new())
        .map_err(box_error as fn(reqwest::Error) -> BoxError)
        .service(transport());
    let leader = converted(&server.url("/"), SHORT);
    let leader = tokio::spawn(stack.clone().oneshot(leader));
    gate.reached(1).await;
    let follower = converted(&server.url("/"), LONG);
    let follower = tokio::spawn(stack.oneshot(follower));
    assert_eq!(leader.await.unwrap().unwrap().status(), 504);
    gate.open();
    assert_eq!(follower.await.unwrap().unwrap().status(), 200);
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn the_limit_of_a_session_is_that_of_all_redirects_together() {
    let gate = Gate::new();
    let server = {
        let gate = gate.clone();
        Server::start(move |number, _| {
            let opened = gate.opened();
            async move {
                if number == 0 {
                    let mut redirect = status(302);
                    let target = "/next".parse().unwrap();
                    redirect.headers_mut().insert("location", target);
                    return redirect;
                }
                opened.await;
                kept("late")
            }
        })
        .await
    };
    let session = SessionLayer::new().layer(transport());
    let request = converted(&server.url("/"), SHORT);
    let error = session.oneshot(request).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn a_transport_holds_its_calls_to_a_deadline() {
    let gate = Gate::new();
    let server = behind(&gate).await;
    let request = http::Request::get(server.url("/"));
    let request = request.extension(Deadline(Instant::now() + SHORT));
    let request = request.body(reqwest::Body::default()).unwrap();
    let error = transport().oneshot(request).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}
