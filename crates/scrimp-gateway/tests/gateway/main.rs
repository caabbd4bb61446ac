//! The gateway over real sockets, between a scripted upstream and a client that sends exact bytes.

mod admit;
mod failure;
mod floods;
mod framing;
mod hop_by_hop;
mod hops;
mod http2;
mod layers;
mod problems;
mod settings;
mod slow;
mod smuggling;
mod stop;
mod stream;
mod tls;

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use scrimp_gateway::{Gateway as Server, GatewayBuilder};

const LOOPBACK: (&str, u16) = ("127.0.0.1", 0);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A gateway that runs until it is dropped.
struct Gateway {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// One connection, on either side of the gateway.
struct Wire(TcpStream);

// === impl Gateway ===

impl Gateway {
    async fn before(upstream: SocketAddr) -> Self {
        Self::with(upstream, |builder| builder).await
    }

    async fn with(
        upstream: SocketAddr,
        set: impl FnOnce(GatewayBuilder) -> GatewayBuilder,
    ) -> Self {
        Self::at(format!("http://{upstream}"), set).await
    }

    async fn at(url: String, set: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> Self {
        let builder = Server::builder(url);
        let gateway = set(builder).build().unwrap();
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let served = tokio::spawn(gateway.serve(listener, stopped));
        Self {
            address,
            stop,
            served,
        }
    }

    async fn connect(&self) -> Wire {
        Wire(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends one request unchanged, and returns all bytes until the end.
    async fn ask(&self, request: &str) -> String {
        let mut wire = self.connect().await;
        wire.write(request).await;
        wire.rest().await
    }

    async fn get(&self, path: &str) -> String {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
        self.ask(&request).await
    }
}

// === impl Wire ===

impl Wire {
    async fn write(&mut self, text: impl AsRef<[u8]>) {
        self.0.write_all(text.as_ref()).await.unwrap();
    }

    /// Reads this many bytes, or all if there are fewer.
    async fn exactly(&mut self, length: usize) {
        let mut read = vec![0; length];
        let _ = self.0.read_exact(&mut read).await;
    }

    /// Reads up to and including `end`.
    async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            match self.0.read_u8().await {
                Ok(byte) => read.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(read).unwrap()
    }

    async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads to the end of the connection, clean or not.
    async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        let reading = self.0.read_to_end(&mut read);
        let _ = tokio::time::timeout(Duration::from_secs(10), reading)
            .await
            .expect("the connection should end");
        String::from_utf8(read).unwrap()
    }
}

/// Starts an upstream that runs `script` on each of its connections.
async fn upstream<F, Fut>(script: F) -> SocketAddr
where
    F: Fn(Wire) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(script(Wire(stream)));
        }
    });
    address
}

/// Starts an upstream that answers every request without a body with `response`.
async fn always(response: impl Into<String>) -> SocketAddr {
    let response = response.into();
    upstream(move |mut wire| {
        let response = response.clone();
        async move {
            while !wire.head().await.is_empty() {
                wire.write(&response).await;
            }
        }
    })
    .await
}

/// Starts an upstream that responds with the head of the request, in lower case.
async fn echo() -> SocketAddr {
    upstream(async |mut wire| {
        loop {
            let head = wire.head().await.to_lowercase();
            if head.is_empty() {
                break;
            }
            let length = head.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}");
            wire.write(answer).await;
        }
    })
    .await
}
