//! Upstreams that fail on a real connection, with a thousand waiting callers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use futures_util::future::{join, join_all};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{
    coalesce::{Coalesce, CoalesceLayer, OnError},
    core::{BoxError, box_error},
};
use scrimp_testkit::HttpService;
use scrimp_tests::{Server, request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
};
use tower::{Layer, ServiceExt, util::BoxCloneService};

use super::is_empty;

const WAITERS: usize = 1_000;

const WHOLE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nwhole";

/// A response, or a part of one.
#[derive(Clone, Copy, Debug)]
struct Broken {
    text: &'static str,
    /// The connection is reset, rather than closed.
    reset: bool,
}

const BEFORE_THE_BODY: [Broken; 4] = [
    closed(""),
    closed("HTTP/1.1 200 OK\r\nContent-Len"),
    closed("not HTTP at all\r\n\r\n"),
    Broken {
        text: "",
        reset: true,
    },
];

const IN_THE_BODY: [Broken; 4] = [
    closed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    closed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    closed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"),
    Broken {
        text: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        reset: true,
    },
];

const fn closed(text: &'static str) -> Broken {
    Broken { text, reset: false }
}

/// A client over a layer.
struct Rig {
    server: Server,
    layer: CoalesceLayer,
    client: Coalesce<HttpService>,
    calls: Arc<AtomicUsize>,
    /// Releases the first response.
    go: Arc<Notify>,
}

// === impl Broken ===

impl Broken {
    async fn send(self, stream: &mut TcpStream) {
        let _ = stream.write_all(self.text.as_bytes()).await;
        if self.reset {
            // Closing now sends a reset instead of a normal end.
            stream.set_zero_linger().expect("a socket option");
        }
    }
}

// === impl Rig ===

impl Rig {
    /// Makes a rig over a server whose first response is broken, and is sent on a signal. The other
    /// responses are complete.
    async fn new(layer: CoalesceLayer, first: Broken) -> Self {
        let (calls, go) = (Arc::<AtomicUsize>::default(), Arc::<Notify>::default());
        let (count, gone) = (Arc::clone(&calls), Arc::clone(&go));
        let server = Server::raw(move |mut stream| {
            let (call, go) = (count.fetch_add(1, Relaxed), Arc::clone(&gone));
            async move {
                if call == 0 {
                    go.notified().await;
                    first.send(&mut stream).await;
                } else {
                    let _ = stream.write_all(WHOLE.as_bytes()).await;
                }
            }
        })
        .await;
        Self {
            client: layer.layer(client()),
            server,
            layer,
            calls,
            go,
        }
    }

    async fn get(&self) -> Result<Bytes, BoxError> {
        let request = request("GET", &self.server.url("/"), &[]);
        let response = self.client.clone().oneshot(request).await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }

    /// Starts a thousand callers, and releases the first response when all of them wait.
    async fn crowd(&self) -> Vec<Result<Bytes, BoxError>> {
        let callers = join_all((0..WAITERS).map(|_| self.get()));
        let (answers, ()) = join(callers, async { self.go.notify_one() }).await;
        answers
    }

    /// Checks that later requests are not blocked.
    async fn works(&self) {
        is_empty(&self.layer);
        assert_eq!(self.get().await.expect("an answer"), "whole");
        is_empty(&self.layer);
    }
}

fn client() -> HttpService {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = client
        .map_err(box_error)
        .map_response(|response| response.map(|body| body.map_err(box_error).boxed_unsync()));
    BoxCloneService::new(client)
}

#[tokio::test]
async fn a_call_that_breaks_off_is_one_error_for_all_and_blocks_no_key() {
    for broken in BEFORE_THE_BODY.into_iter().chain(IN_THE_BODY) {
        let rig = Rig::new(CoalesceLayer::new(), broken).await;
        let answers = rig.crowd().await;
        assert!(answers.iter().all(Result::is_err), "{broken:?}");
        assert_eq!(rig.calls.load(Relaxed), 1, "{broken:?}");
        rig.works().await;
    }
}

#[tokio::test]
async fn a_second_call_answers_all_callers_except_the_first() {
    let layer = CoalesceLayer::builder()
        .on_error(OnError::Reelect { attempts: 3 })
        .build()
        .unwrap();
    for broken in BEFORE_THE_BODY {
        let rig = Rig::new(layer.clone(), broken).await;
        let answers = rig.crowd().await;
        let whole = answers.iter().flatten().filter(|body| *body == "whole");
        assert_eq!(whole.count(), WAITERS - 1, "{broken:?}");
        assert_eq!(rig.calls.load(Relaxed), 2, "{broken:?}");
        rig.works().await;
    }
}

#[tokio::test]
async fn the_connection_of_a_stalled_upstream_is_closed_when_all_callers_are_dropped() {
    let (left, mut leaving) = mpsc::channel(1);
    let server = Server::raw(move |mut stream| {
        let left = left.clone();
        async move {
            let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
            let _ = stream.write_all(half.as_bytes()).await;
            // Nothing more is sent until the other side closes.
            let _ = stream.read_u8().await;
            let _ = left.send(()).await;
        }
    })
    .await;
    let layer = CoalesceLayer::new();
    let client = layer.layer(client());
    let readers = (0..WAITERS).map(|_| async {
        let request = request("GET", &server.url("/"), &[]);
        let mut response = client.clone().oneshot(request).await.expect("a head");
        let frame = response.frame().await.expect("a frame").expect("data");
        assert_eq!(frame.into_data().expect("data"), "half");
        response
    });
    let mut readers = join_all(readers).await;
    assert_eq!(layer.stats().calls, 1);
    let last = readers.pop();
    drop(readers);
    assert_eq!(layer.stats().held_bytes, 4);
    drop(last);
    is_empty(&layer);
    leaving.recv().await.expect("the connection was closed");
}
