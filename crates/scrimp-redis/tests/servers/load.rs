//! Clients that send requests to the processes of a site, and check every response.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{task::JoinHandle, time::Instant};

use crate::site::{DOCUMENTS, Site};

/// Number of clients of each process.
pub(crate) const CLIENTS: usize = 4;

/// A client changes a document after this number of requests.
const CHANGES: usize = 40;

/// A wait that is longer than any limit of the layers, on any machine.
const LONG: Duration = Duration::from_secs(2);

/// Clients that send requests until they are told to stop.
pub(crate) struct Load {
    clients: Vec<JoinHandle<Sent>>,
    writers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

/// Requests of clients.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) requests: usize,
    /// Requests that waited longer than [`LONG`].
    pub(crate) long: usize,
    pub(crate) longest: Duration,
}

// === impl Load ===

impl Load {
    pub(crate) fn start(site: &Arc<Site>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let all = 0..site.nodes.len() * CLIENTS;
        let client =
            |number: usize| tokio::spawn(send(Arc::clone(site), number, Arc::clone(&stop)));
        let writers = (0..site.nodes.len()).map(|node| tokio::spawn(Arc::clone(site).settle(node)));
        Self {
            clients: all.map(client).collect(),
            writers: writers.collect(),
            stop,
        }
    }

    /// Stops the clients, and returns what they have sent.
    pub(crate) async fn stop(self) -> Sent {
        self.stop.store(true, SeqCst);
        let ends = join_all(self.clients).await;
        self.writers.iter().for_each(JoinHandle::abort);
        let mut all = Sent::default();
        for end in ends {
            let sent = end.expect("no request fails");
            all.requests += sent.requests;
            all.long += sent.long;
            all.longest = all.longest.max(sent.longest);
        }
        println!("{all:?}");
        all
    }
}

/// Sends one request after the other, and changes a document now and then.
async fn send(site: Arc<Site>, number: usize, stop: Arc<AtomicBool>) -> Sent {
    let node = number % site.nodes.len();
    let mut random = fastrand::Rng::with_seed(number as u64);
    let mut sent = Sent::default();
    while !stop.load(SeqCst) {
        let start = Instant::now();
        site.ask(node, random.usize(..DOCUMENTS)).await;
        let took = start.elapsed();
        sent.longest = sent.longest.max(took);
        sent.long += usize::from(took > LONG);
        sent.requests += 1;
        if sent.requests % CHANGES == 0 && !site.paused.load(SeqCst) {
            site.change(node, random.usize(..DOCUMENTS));
        }
        tokio::task::yield_now().await;
    }
    sent
}
