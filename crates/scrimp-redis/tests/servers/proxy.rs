//! A link between a client and a server that can be cut, slowed down, and led to another server.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp},
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

/// Passes bytes on to a server while it is open.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// State that connections share.
struct State {
    /// Number of the connections' generation; those of an earlier one end. Odd while the link is cut.
    generation: watch::Sender<u64>,
    port: AtomicU16,
    /// Time for which bytes are on the way, in each direction, in milliseconds.
    delay: AtomicU64,
    /// Bytes of replies that pass before a connection ends in the middle of one.
    replies: AtomicI64,
    /// Flag that replies are counted.
    counts: AtomicBool,
    broken: Notify,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let (listener, address, state) = Self::listen(port).await;
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let generation = shared.generation.subscribe();
                if *generation.borrow() % 2 == 0 {
                    tokio::spawn(pass(client, Arc::clone(&shared), generation));
                }
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    /// Passes replies on at this rate, in bytes per tick.
    pub(crate) async fn slow(port: u16, bytes: usize, tick: Duration) -> Self {
        let (listener, address, state) = Self::listen(port).await;
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
            state,
            task,
        }
    }

    async fn listen(port: u16) -> (TcpListener, SocketAddr, Arc<State>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            generation: watch::Sender::new(0),
            port: AtomicU16::new(port),
            delay: AtomicU64::new(0),
            replies: AtomicI64::new(0),
            counts: AtomicBool::new(false),
            broken: Notify::new(),
        };
        (listener, address, Arc::new(state))
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends all connections, and those that come.
    pub(crate) fn cut(&self) {
        self.state
            .generation
            .send_modify(|number| *number += 1 + *number % 2);
    }

    pub(crate) fn mend(&self) {
        self.state
            .generation
            .send_modify(|number| *number += *number % 2);
    }

    /// Leads all connections from now on to another server, and ends those that are there.
    pub(crate) fn lead_to(&self, port: u16) {
        self.state.port.store(port, SeqCst);
        self.state
            .generation
            .send_modify(|number| *number += 2 - *number % 2);
    }

    /// Keeps all bytes for this time, in both directions.
    pub(crate) fn delay(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).expect("a short time");
        self.state.delay.store(time, SeqCst);
    }

    /// Ends the connection that passes this many more bytes of replies, and waits until it has ended.
    pub(crate) async fn break_after(&self, bytes: i64) {
        let broken = self.state.broken.notified();
        self.state.replies.store(bytes, SeqCst);
        self.state.counts.store(true, SeqCst);
        broken.await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, state: Arc<State>, mut generation: watch::Receiver<u64>) {
    let own = *generation.borrow();
    let port = state.port.load(SeqCst);
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = carry(from_client, to_server, &state, false) => {}
        _ = carry(from_server, to_client, &state, true) => {}
        _ = generation.wait_for(|number| *number != own) => {}
    }
}

/// Carries bytes in one direction, each for as long as the link takes at its moment.
async fn carry(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    state: &State,
    are_replies: bool,
) -> io::Result<()> {
    let (sender, mut on_the_way) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let read = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = from.read(&mut buffer).await?;
            let time = Duration::from_millis(state.delay.load(SeqCst));
            let part = (Instant::now() + time, buffer[..length].to_vec());
            if length == 0 || sender.send(part).await.is_err() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    };
    let write = async {
        while let Some((at, bytes)) = on_the_way.recv().await {
            if at > Instant::now() {
                sleep_until(at).await;
            }
            let passed = match are_replies {
                true => state.passes(bytes.len()),
                false => bytes.len(),
            };
            to.write_all(&bytes[..passed]).await?;
            if passed < bytes.len() {
                state.broken.notify_waiters();
                break;
            }
        }
        Ok(())
    };
    tokio::select! {
        end = read => end,
        end = write => end,
    }
}

// === impl State ===

impl State {
    /// Returns how many bytes of a part of replies pass. Only one part is cut.
    fn passes(&self, length: usize) -> usize {
        if !self.counts.load(SeqCst) {
            return length;
        }
        let length = i64::try_from(length).expect("a buffer");
        let left = self.replies.fetch_sub(length, SeqCst);
        if left >= length {
            return usize::try_from(length).expect("a length");
        }
        match self.counts.swap(false, SeqCst) {
            true => usize::try_from(left.max(0)).expect("a length"),
            false => usize::try_from(length).expect("a length"),
        }
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
