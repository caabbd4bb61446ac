//! The side of the clients: connections, their limits and their end.
//!
//! - `mod`: accepts connections as long as there are slots;
//! - `slots`: the number of connections, and those that wait for a request;
//! - `life`: what one connection does: it waits for a request, or serves some;
//! - `connection`: drives one connection until its end, or until one of its limits;
//! - `timed_io`: a client that does not read;
//! - `front`: each request's way into the gateway; `request_body` and `answer`: its two bodies;
//! - `streams`: a client that does not read one stream of HTTP/2.

mod alarm;
mod answer;
mod connection;
mod front;
mod life;
mod request_body;
mod slots;
mod streams;
mod timed_io;

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{config::Server, switch::Switch};

use connection::Terms;
use slots::{Seat, Slots};

/// Pause after the system has run out of sockets.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets open requests finish within the time of `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    live: Switch,
    server: Server,
    stop: impl Future<Output = ()>,
) {
    let drain = server.drain;
    let slots = Slots::new(&server);
    let terms = Arc::new(Terms::new(live, server, Arc::clone(&slots)));
    let (stopping, stopped) = watch::channel(false);
    // They are aborted when this future is dropped.
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, seat) = tokio::select! {
            biased;
            () = &mut stop => break,
            client = next_client(&listener, &slots) => client,
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection::run(
            stream,
            seat,
            Arc::clone(&terms),
            stopped.clone(),
        ));
    }
    drop(listener);
    while connections.try_join_next().is_some() {}
    tracing::info!(connections = connections.len(), "shutting down");
    // Without receivers there is no connection left.
    let _ = stopping.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, all).await.is_err() {
        tracing::warn!("some requests did not finish in time and are aborted");
    }
}

/// Accepts a client, and waits until there is a slot for it. Meanwhile the others wait in the
/// system's queue.
async fn next_client(listener: &TcpListener, slots: &Arc<Slots>) -> (TcpStream, Seat) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => match slots.seat(address) {
                Some(seat) => return (stream, seat.taken().await),
                None => tracing::debug!(%address, "too many connections of one address"),
            },
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
