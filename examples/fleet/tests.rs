//! The example over a Redis that the test starts.

use crate::{
    server::Server,
    story::{Step, tell},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_on_one_gateway_takes_effect_on_the_other_and_both_spend_one_budget() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut lines = Vec::new();
    let told = tell(&server.url, |step: &Step| lines.push(step.to_string())).await;
    told.unwrap_or_else(|error| panic!("{error}\n{}", lines.join("\n")));
    assert_eq!(lines.len(), 8, "{lines:?}");
    assert!(lines[7].contains("spent $1.00 of $1.00"), "{lines:?}");
    // A second fleet in the same Redis has nothing to do with the first one.
    tell(&server.url, |_| ()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_redis_the_error_says_so() {
    let nowhere = "unix:///nowhere/redis.sock";
    let error = tell(nowhere, |_| ()).await.unwrap_err().to_string();
    assert!(error.contains(nowhere), "{error}");
}
