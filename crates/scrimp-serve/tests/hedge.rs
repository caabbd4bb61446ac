//! A second call beside a slow one, in virtual time over real sockets.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::Router;
use common::{Gateway, Upstream, basics};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc},
    time::advance,
};

/// A server whose answers are at once there, take three seconds, or wait for their release.
struct Slow {
    held: AtomicBool,
    calls: AtomicUsize,
    release: Notify,
    arrived: mpsc::UnboundedSender<()>,
}

impl Slow {
    async fn answer(&self) -> &'static str {
        let call = self.calls.fetch_add(1, Relaxed);
        if self.held.load(Relaxed) {
            self.arrived.send(()).expect("the test waits for it");
            self.release.notified().await;
        } else if matches!(call, 5 | 15) {
            advance(Duration::from_secs(3)).await;
        }
        "first"
    }
}

/// Sends requests to a cheap provider that becomes slow, and a dear one. Returns the answer to a request
/// that the cheap one has got and not answered for five seconds, and how many calls the other got meanwhile.
async fn asked(hedge: &str) -> (String, usize) {
    // Time stands still while a thread works, though sockets are waited for.
    let (working, worked) = std::sync::mpsc::channel::<()>();
    let still = tokio::task::spawn_blocking(move || {
        assert!(worked.recv().is_err(), "it has no other message");
    });

    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let slow = Arc::new(Slow {
        held: AtomicBool::new(false),
        calls: AtomicUsize::new(0),
        release: Notify::new(),
        arrived,
    });
    let server = Arc::clone(&slow);
    let app = Router::new().fallback(move || async move { server.answer().await });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let first = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let second = Upstream::start("second").await;
    let provider = |name, address, price| {
        format!(
            "[[provider]]\nname = \"{name}\"\nendpoint = \"http://{address}\"\nprice = \"{price}\"\n"
        )
    };
    let config = [
        basics(),
        provider("first", first, "0.001"),
        provider("second", second.address, "0.01"),
        format!(
            "[[route]]\nname = \"quotes\"\nproviders = [\"first\", \"second\"]\ncache = false\n{hedge}"
        ),
    ];
    let gateway = Gateway::start(&config.concat()).await;
    // How long its calls take is known from thirty of them.
    while slow.calls.load(Relaxed) < 40 {
        assert_eq!(gateway.get("/quote").await.0, 200);
    }

    slow.held.store(true, Relaxed);
    let (text, calls) = loop {
        let before = second.calls();
        let mut request = std::pin::pin!(gateway.get("/quote"));
        tokio::select! {
            // The other one was tried.
            _ = &mut request => continue,
            _ = arrivals.recv() => {}
        }
        advance(Duration::from_secs(5)).await;
        if hedge.is_empty() {
            slow.release.notify_one();
        }
        let (_, _, text) = request.await;
        break (text, second.calls() - before);
    };
    gateway.stop().await;
    drop(working);
    still.await.unwrap();
    (text, calls)
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_has_a_second_one_beside_it_where_a_wait_has_a_worth() {
    let (text, calls) = asked("hedge = \"1\"\n").await;
    assert!(text.starts_with("second /quote"), "{text}");
    assert_eq!(calls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_waited_for_where_a_wait_has_none() {
    assert_eq!(asked("").await, ("first".to_owned(), 0));
}
