//! Providers that speak HTTP/1.1 over real sockets, and fail like real ones.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// A provider's reaction to a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers.
    Answer(u16, &'static str, String),
    /// Takes the request and sends nothing.
    Stall,
    /// Resets the connection at once.
    Reset,
    /// Sends these bytes, then resets the connection.
    CutAfter(String),
    /// Sends these bytes, then nothing more.
    StallAfter(String),
}

/// A request, as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: usize,
}

pub(crate) struct Server {
    pub(crate) uri: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    gone: Arc<(AtomicUsize, Notify)>,
    task: JoinHandle<()>,
}

impl Act {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Answer(200, "", body.to_owned())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, "", "failed".to_owned())
    }
}

impl Server {
    /// Starts a provider that reacts to its `n`th request with `act(n)`.
    pub(crate) async fn start(act: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let gone = Arc::new((AtomicUsize::new(0), Notify::new()));
        let (act, list, left) = (Arc::new(act), Arc::clone(&seen), Arc::clone(&gone));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(
                    stream,
                    Arc::clone(&act) as Arc<dyn Fn(usize) -> Act + Send + Sync>,
                    Arc::clone(&list),
                    Arc::clone(&left),
                ));
            }
        });
        Self {
            uri,
            seen,
            gone,
            task,
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().len()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// Waits until a client has hung up on a stalled response.
    pub(crate) async fn hung_up_on(&self) {
        let (count, notify) = &*self.gone;
        while count.load(SeqCst) == 0 {
            notify.notified().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    act: Arc<dyn Fn(usize) -> Act + Send + Sync>,
    seen: Arc<Mutex<Vec<Seen>>>,
    gone: Arc<(AtomicUsize, Notify)>,
) {
    while let Some(request) = read(&mut stream).await {
        let number = {
            let mut seen = seen.lock();
            seen.push(request);
            seen.len() - 1
        };
        match act(number) {
            Act::Answer(status, fields, body) => {
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{fields}\r\n{body}",
                    body.len()
                );
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Act::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
            Act::CutAfter(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                // The written bytes go out before the reset.
                let _ = stream.flush().await;
                let _ = stream.shutdown().await;
                return;
            }
            Act::StallAfter(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                let _ = stream.read(&mut [0; 1]).await;
                gone.0.fetch_add(1, SeqCst);
                gone.1.notify_one();
                return;
            }
            Act::Stall => pending().await,
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = bytes.len() - end;
    while body < length {
        let mut chunk = vec![0; 65_536];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => body += n,
            _ => return None,
        }
    }
    Some(Seen { head, body })
}
