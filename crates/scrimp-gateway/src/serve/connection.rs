//! One connection, until its end or one of its limits.

use std::{
    future::{Future, poll_fn},
    io,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{config::Server, peer::Peer, switch::Switch};

use super::{
    front::Front,
    life::Life,
    slots::{Seat, Slots},
    streams::Streams,
    timed_io::TimedIo,
};

/// Bytes that one stream of HTTP/2 may have waiting to be sent.
const SEND_BUFFER: usize = 64 << 10;
/// Bytes that a client may send ahead in one connection of HTTP/2, and in one stream.
const WINDOWS: (u32, u32) = (512 << 10, 256 << 10);
/// Streams that a client may reset before they are looked at; more end the connection.
const RESETS: usize = 20;
/// Streams that may be reset for errors of the client; more end the connection.
const ERRORS: usize = 1000;
/// Time for a last message to an idle client.
const FAREWELL: Duration = Duration::from_secs(1);
/// A time that is later than any other.
const FAR: Duration = Duration::from_secs(86_400 * 365);

/// Settings and services that all connections share.
pub(crate) struct Terms {
    live: Switch,
    server: Server,
    slots: Arc<Slots>,
    protocol: Builder<Streams>,
}

// === impl Terms ===

impl Terms {
    pub(crate) fn new(live: Switch, server: Server, slots: Arc<Slots>) -> Self {
        let mut protocol = Builder::new(Streams::new(server.send));
        let bytes = usize::try_from(server.max_header_bytes).unwrap_or(usize::MAX);
        protocol
            .http1()
            .timer(TokioTimer::new())
            // `Life` does it, and tells the wait for a request from a slow one.
            .header_read_timeout(None)
            .max_buf_size(bytes);
        protocol
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(server.max_streams)
            .max_header_list_size(server.max_header_bytes)
            .max_send_buf_size(SEND_BUFFER)
            .initial_connection_window_size(WINDOWS.0)
            .initial_stream_window_size(WINDOWS.1)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(ERRORS);
        Self {
            live,
            server,
            slots,
            protocol,
        }
    }
}

/// Serves a connection to its end.
pub(crate) async fn run(
    stream: TcpStream,
    seat: Seat,
    terms: Arc<Terms>,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let address = seat.address;
    let life = Life::new(seat, &terms.server);
    let Some(tls) = terms.live.tls() else {
        let peer = Peer {
            address,
            tls: false,
        };
        return drive(stream, peer, &life, &terms, stopped).await;
    };
    let handshake = TlsAcceptor::from(tls).accept(stream);
    let stream = tokio::select! {
        biased;
        _ = stopped.wait_for(|stopped| *stopped) => return,
        () = life.cut() => return,
        stream = timeout(terms.server.header_timeout, handshake) => stream,
    };
    match stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => drive(stream, Peer { address, tls: true }, &life, &terms, stopped).await,
        Err(error) => tracing::debug!(%address, %error, "no TLS"),
    }
}

async fn drive(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    life: &Arc<Life>,
    terms: &Terms,
    mut stopped: watch::Receiver<bool>,
) {
    let front = Front {
        live: terms.live.clone(),
        peer,
        pace: terms.server.body,
        life: Arc::clone(life),
        slots: Arc::clone(&terms.slots),
    };
    let io = TimedIo::new(io, Arc::clone(life), terms.server.send);
    let connection = terms.protocol.serve_connection(TokioIo::new(io), front);
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    loop {
        let armed = life.deadline().unwrap_or_else(|| Instant::now() + FAR);
        // Ends early only to arm the alarm for a deadline that has come nearer.
        let step = poll_fn(|cx| match connection.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if life.deadline().is_some_and(|at| at < armed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        tokio::select! {
            biased;
            result = step => match result {
                None => {}
                Some(Ok(())) => return,
                // A body that broke off upstream has the same effect: the connection is reset.
                Some(Err(error)) => {
                    tracing::debug!(peer = %peer.address, error, "connection ended early");
                    return;
                }
            },
            _ = stopped.wait_for(|stopped| *stopped), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            // A request may have come since it was chosen.
            () = life.cut() => if life.deadline().is_some() {
                tracing::debug!(peer = %peer.address, "an idle connection makes room");
                return;
            },
            () = life.changed() => if life.is_abused() {
                tracing::debug!(peer = %peer.address, "most requests are broken off");
                return;
            },
            () = sleep_until(armed) => if life.is_over(Instant::now()) {
                break;
            },
        }
    }
    tracing::debug!(peer = %peer.address, "no request in time");
    if life.is_idle() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(FAREWELL, connection).await;
    }
}
