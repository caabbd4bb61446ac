//! Connections: their acceptance, time limits and shutdown.

use std::{future::Future, io, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::admit::Peer;

/// Time limit for a client to send a request's headers.
const HEADERS: Duration = Duration::from_secs(10);
/// Pause after the system has run out of sockets.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets open requests finish within `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    drain: Duration,
    stop: impl Future<Output = ()>,
) {
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    tokio::spawn(connection(stream, Peer(peer), app.clone(), open.watcher()));
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    tokio::time::sleep(BREATH).await;
                }
            },
        }
    }
    drop(listener);
    tracing::info!(connections = open.count(), "shutting down");
    if tokio::time::timeout(drain, open.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and are aborted");
    }
}

/// Listens for SIGINT and SIGTERM from now on; the future ends with the first signal.
///
/// # Errors
///
/// If the system does not allow it.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

async fn connection(stream: TcpStream, peer: Peer, app: Router, watcher: Watcher) {
    let _ = stream.set_nodelay(true);
    let service = app.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection).await {
        // A body that broke off upstream has the same effect: the client's connection is reset.
        tracing::debug!(peer = %peer.0, %error, "connection ended early");
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
