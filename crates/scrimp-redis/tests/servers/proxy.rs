//! A link between the client and a server that can be cut, or is slow.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// Passes bytes on to a server while it is open.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    open: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let open = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&open);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() {
                    tokio::spawn(pass(client, port, state.subscribe()));
                }
            }
        });
        Self {
            address,
            open,
            task,
        }
    }

    /// Passes replies on at this rate, in bytes per tick.
    pub(crate) async fn slow(port: u16, bytes: usize, tick: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await;
                let (replies, mut commands) = server.expect("it runs").into_split();
                let (mut from, to) = client.into_split();
                tokio::spawn(trickle(replies, to, bytes, tick));
                tokio::spawn(async move { copy(&mut from, &mut commands).await });
            }
        });
        Self {
            address,
            open: Arc::new(watch::Sender::new(true)),
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends all connections, and those that come.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, port: u16, mut open: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}

/// Copies this number of bytes per tick.
async fn trickle(
    from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    bytes: usize,
    tick: Duration,
) {
    let (mut ticks, mut from) = (interval(tick), from);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut buffer = vec![0; bytes];
    loop {
        ticks.tick().await;
        match from.read(&mut buffer).await {
            Ok(read @ 1..) if to.write_all(&buffer[..read]).await.is_ok() => {}
            _ => return,
        }
    }
}
