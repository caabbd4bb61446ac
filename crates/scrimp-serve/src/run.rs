//! A gateway of one configuration file, from its start to its end.

use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use scrimp_gateway::Gateway;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    admin::AdminSite,
    config::Config,
    live::{Live, Reloaded, ServeError},
    stack::Stack,
};

/// Connections of the operators' address.
const ADMIN_CONNECTIONS: usize = 64;

/// A gateway that has its configuration and its addresses, and serves when it is [run](Self::run).
pub struct Server {
    live: Arc<Live>,
    gateway: Gateway,
    listener: TcpListener,
    admin: Option<TcpListener>,
}

/// A handle that reloads a running gateway.
#[derive(Clone)]
pub struct Handle(Arc<Live>);

// === impl Server ===

impl Server {
    /// Reads the file, builds its layers and opens its addresses.
    ///
    /// # Errors
    ///
    /// If the file has problems, or an address cannot be opened.
    pub async fn open(file: impl Into<PathBuf>) -> Result<Self, ServeError> {
        let file = file.into();
        let config = Config::read(&file)?;
        let (address, admin) = (config.server.listen, config.admin.clone());
        let stack = Stack::build(config, None)?;
        let gateway = stack.gateway()?;
        if let Some(fleet) = &stack.parts.fleet {
            fleet.joined().await;
        }
        let listener = listen(address).await?;
        let admin = match admin {
            Some(admin) => Some(listen(admin.listen).await?),
            None => None,
        };
        let live = Live::new(file, stack, gateway.switch());
        Ok(Self {
            live,
            gateway,
            listener,
            admin,
        })
    }

    /// Returns the address of the clients.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns the address of the operators, if there is one.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn admin_address(&self) -> io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Returns a handle that reloads the gateway while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.live))
    }

    /// Serves until `stop` ends, and reloads at SIGHUP. Open requests then have the time of `drain`.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self {
            live,
            gateway,
            listener,
            admin,
        } = self;
        // They are aborted when this future is dropped.
        let mut tasks = JoinSet::new();
        let (stopping, stopped) = tokio::sync::watch::channel(false);
        if let Some(listener) = admin {
            let site = Gateway::of(AdminSite::router(Arc::clone(&live)));
            let site = site
                .max_connections(ADMIN_CONNECTIONS)
                .max_connections_per_address(ADMIN_CONNECTIONS)
                .drain(Duration::from_secs(1));
            let site = site
                .build()
                .expect("these settings are within their ranges");
            let mut stopped = stopped.clone();
            tasks.spawn(async move {
                let stop = async move {
                    // Its sender is gone if the gateway is.
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                };
                site.serve(listener, stop).await;
            });
        }
        let reloads = tasks.spawn(reload_at_signals(Arc::clone(&live)));
        let noticed = async {
            stop.await;
            live.stop();
        };
        gateway.serve(listener, noticed).await;
        reloads.abort();
        let _ = stopping.send(true);
        while tasks.join_next().await.is_some() {}
        if let Some(fleet) = &live.stack().parts.fleet {
            fleet.leave().await;
        }
        if let Some(audit) = &live.stack().parts.audit {
            audit.close().await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| {
        let message = format!("cannot listen on {address}: {error}");
        ServeError::Listen(io::Error::new(error.kind(), message))
    })
}

#[cfg(unix)]
async fn reload_at_signals(live: Arc<Live>) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => {
            tracing::error!(%error, "SIGHUP is not heard");
            return;
        }
    };
    while hangups.recv().await.is_some() {
        let live = Arc::clone(&live);
        // It reads files.
        let _ = tokio::task::spawn_blocking(move || live.reload()).await;
    }
}

#[cfg(not(unix))]
async fn reload_at_signals(_: Arc<Live>) {
    std::future::pending::<()>().await;
}

// === impl Handle ===

impl Handle {
    /// Reads the file again and serves it from the next request on.
    ///
    /// Requests under way keep the layers that they began with. Stored responses, the log of
    /// invalidations, money and counts go on where their settings are as before.
    ///
    /// # Errors
    ///
    /// If the file cannot be used. Nothing changes then.
    pub fn reload(&self) -> Result<Reloaded, ServeError> {
        self.0.reload()
    }

    /// Returns the figures as text for Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.0.snapshot().series.to_prometheus()
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
