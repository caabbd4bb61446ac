use std::{process::Command, time::Duration};

use scrimp_gateway::stop_signal;
use tokio::{net::TcpStream, sync::Notify, time::timeout};

use super::{Gateway, upstream};

static ASKED: Notify = Notify::const_new();
static MAY_ANSWER: Notify = Notify::const_new();
static NEVER_ANSWERED: Notify = Notify::const_new();

#[tokio::test]
async fn open_requests_are_finished_and_new_ones_refused() {
    let upstream = upstream(async |mut wire| {
        wire.head().await;
        ASKED.notify_one();
        MAY_ANSWER.notified().await;
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
            .await;
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let mut idle = gateway.connect().await;
    let mut open = gateway.connect().await;
    open.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    ASKED.notified().await;
    gateway.stop.send(()).unwrap();

    // The idle connection is closed, so the gateway is stopping now.
    assert_eq!(idle.rest().await, "");
    MAY_ANSWER.notify_one();
    let seen = open.rest().await;
    assert!(seen.ends_with("\r\n\r\nlate"), "{seen}");
    let limit = Duration::from_secs(5);
    timeout(limit, gateway.served)
        .await
        .expect("it should stop")
        .unwrap();
    assert!(TcpStream::connect(gateway.address).await.is_err());
}

#[tokio::test]
async fn an_endless_request_does_not_delay_the_exit() {
    let upstream = upstream(async |mut wire| {
        wire.head().await;
        NEVER_ANSWERED.notify_one();
        wire.head().await;
    })
    .await;
    let gateway = Gateway::with(upstream, |builder| {
        builder.drain(Duration::from_millis(100))
    })
    .await;
    let mut open = gateway.connect().await;
    open.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    NEVER_ANSWERED.notified().await;
    gateway.stop.send(()).unwrap();
    let limit = Duration::from_secs(5);
    timeout(limit, gateway.served)
        .await
        .expect("it should stop")
        .unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn both_signals_stop_it() {
    for name in ["-INT", "-TERM"] {
        let stop = stop_signal().unwrap();
        // The shell's own kill: not every machine has a program of this name.
        let kill = Command::new("sh")
            .args(["-c", &format!("kill {name} {}", std::process::id())])
            .status();
        assert!(kill.unwrap().success());
        timeout(Duration::from_secs(5), stop).await.expect(name);
    }
}
