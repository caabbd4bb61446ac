//! Servers that fail, and links that are cut. No request fails, and none waits for long.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_coalesce::CoalesceLayer;
use scrimp_redis::{Degradation, RedisClient, RedisStats};
use scrimp_testkit::{Gate, Reply, Scripted, ScriptedBody};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use tower::{Layer, ServiceExt};

use crate::{
    proxy::Proxy,
    rig::{Rig, SOON},
    server::Server,
};

/// Number of clients that send one request after the other.
const CLIENTS: usize = 16;

/// Clients that send requests until they are told to stop.
struct Load {
    clients: Vec<JoinHandle<(usize, Duration)>>,
    stop: Arc<tokio::sync::watch::Sender<bool>>,
}

// === impl Load ===

impl Load {
    fn start(rig: &Arc<Rig>) -> Self {
        let stop = Arc::new(tokio::sync::watch::Sender::new(false));
        let client = |number: usize| {
            let (rig, stop) = (Arc::clone(rig), stop.subscribe());
            tokio::spawn(async move {
                let (mut sent, mut longest) = (0, Duration::ZERO);
                while !*stop.borrow() {
                    let start = Instant::now();
                    rig.get(&format!("/{}", (number + sent) % 50)).await;
                    longest = longest.max(start.elapsed());
                    sent += 1;
                    tokio::task::yield_now().await;
                }
                (sent, longest)
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { clients, stop }
    }

    /// Stops the clients. Returns the number of their requests, and the longest wait.
    async fn stop(self) -> (usize, Duration) {
        self.stop.send_replace(true);
        let ends = join_all(self.clients).await;
        let ends = ends.into_iter().map(|end| end.expect("no request fails"));
        ends.fold((0, Duration::ZERO), |(sent, longest), (more, wait)| {
            (sent + more, longest.max(wait))
        })
    }
}

async fn change(rig: &Rig) -> Degradation {
    timeout(SOON, rig.change())
        .await
        .expect("a change of the endpoint")
}

async fn recovered(rig: &Rig) {
    timeout(SOON, rig.recovered())
        .await
        .expect("the endpoint serves again");
}

fn rig(url: &str) -> Arc<Rig> {
    let builder = RedisClient::builder([url]).health_interval(Duration::from_millis(200));
    Arc::new(Rig::over(builder, scrimp_redis::RedisStore::new))
}

/// Asserts that at most the requests of one moment waited, once.
fn waited_once(before: RedisStats, after: RedisStats) {
    let late = after.timed_out - before.timed_out;
    // Reads of the clients, and writes behind them.
    assert!(
        late <= 3 * CLIENTS as u64,
        "{late} commands waited: {after:?}"
    );
}

/// Runs requests against a server that `fail` stops and `mend` starts again.
async fn outage(rig: &Arc<Rig>, fail: impl FnOnce(), mend: impl FnOnce()) {
    rig.client.connected().await;
    // The machine may be too busy for the first ones.
    while !rig.get("/0").await.1 {
        tokio::task::yield_now().await;
    }
    let load = Load::start(rig);
    let before = rig.client.stats();
    fail();
    assert!(matches!(change(rig).await, Degradation::Began { .. }));
    // Many requests later, none has been sent to the server but those of that moment.
    let sent = rig.upstream.calls() + 500;
    while rig.upstream.calls() < sent {
        rig.get("/outage").await;
        tokio::task::yield_now().await;
    }
    let during = rig.client.stats();
    waited_once(before, during);
    assert!(during.not_sent > before.not_sent + 400, "{during:?}");
    mend();
    recovered(rig).await;
    let (sent, longest) = load.stop().await;
    println!(
        "{sent} requests, the longest took {longest:?}: {:?}",
        rig.client.stats()
    );
    // It is in use again.
    let used = async {
        while !rig.get("/0").await.1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, used).await.expect("a hit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_fails_no_request_and_is_used_again() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = rig(&server.url());
    let server = std::cell::RefCell::new(server);
    let (fail, mend) = (
        || server.borrow_mut().kill(),
        || server.borrow_mut().restart(),
    );
    outage(&rig, fail, mend).await;
    // It is empty: what was stored is fetched again.
    assert!(!rig.get("/fresh").await.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_makes_the_requests_of_one_moment_wait() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = rig(&server.url());
    outage(&rig, || server.signal("STOP"), || server.signal("CONT")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_cut_fails_no_request_and_is_used_again() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let proxy = Proxy::to(server.port).await;
    let rig = rig(&proxy.url());
    outage(&rig, || proxy.cut(), || proxy.mend()).await;
}

#[tokio::test]
async fn flushing_the_server_costs_hits_and_nothing_else() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.fill("/a").await;
    server.run(&["FLUSHALL"]);
    rig.fill("/a").await;
    // The scripts are sent again.
    server.run(&["SCRIPT", "FLUSH"]);
    rig.fill("/b").await;
    assert!(rig.get("/a").await.1 && rig.get("/b").await.1);
    assert_eq!(rig.client.stats().degraded, 0);
}

#[tokio::test]
async fn without_a_server_every_request_goes_to_the_upstream() {
    let port = crate::server::free_port();
    let rig = rig(&format!("redis://127.0.0.1:{port}"));
    for number in 0..100 {
        assert!(!rig.get(&format!("/{number}")).await.1);
    }
    let stats = rig.client.stats();
    assert_eq!((stats.calls, stats.degraded, stats.unavailable), (0, 1, 1));
}

#[tokio::test]
async fn without_a_server_calls_are_still_shared_within_the_process() {
    let port = crate::server::free_port();
    let rig = rig(&format!("redis://127.0.0.1:{port}"));
    rig.get("/first").await;
    let gate = Gate::new();
    let body = ScriptedBody::new().data("shared").sized();
    let response = Response::builder()
        .header("cache-control", "max-age=60")
        .body(body);
    let reply = Reply::respond(response.expect("a response")).gate(&gate);
    let (service, upstream) = Scripted::script([reply]);
    let service = rig.layer.layer(CoalesceLayer::new().layer(service));
    let requests = (0..100).map(|_| {
        let request = Request::get("http://a.example/shared").body(Full::<Bytes>::default());
        service.clone().oneshot(request.expect("a request"))
    });
    // All of them have come before there is an answer.
    let open = async {
        tokio::task::yield_now().await;
        gate.open();
    };
    let (responses, ()) = tokio::join!(join_all(requests), open);
    for response in responses {
        let body = response
            .expect("no request fails")
            .into_body()
            .collect()
            .await;
        assert_eq!(body.expect("a body").to_bytes(), "shared");
    }
    assert_eq!(upstream.calls(), 1);
}

#[test]
fn settings_are_checked_when_the_client_is_built() {
    let error =
        |builder: scrimp_redis::RedisClientBuilder| builder.build().unwrap_err().to_string();
    let one = || RedisClient::builder(["redis://127.0.0.1:1"]);
    assert!(error(RedisClient::builder(["http://a"])).starts_with("RedisClient: `urls` must be"));
    assert!(error(RedisClient::builder(Vec::<String>::new())).contains("at least one"));
    assert!(error(RedisClient::builder(["redis://a", "redis://b"])).contains("not 2"));
    let late = one().command_timeout(Duration::from_secs(11));
    assert!(error(late).contains("`command_timeout` must be within 1ms and 10s"));
    assert!(one().cluster().build().is_ok());
    assert!(one().sentinel("main").build().is_ok());
    let secret = RedisClient::builder(["redis://:hunter2@127.0.0.1:1"]).build();
    assert!(!format!("{:?}", secret.expect("a client")).contains("hunter2"));
}
