//! The upstream: a document with a version, quotes that no cache keeps, and counts of calls.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use parking_lot::Mutex;
use tokio::{net::TcpListener, task::JoinSet};

/// Time of a call for a cold key, in which all other requests for it come.
const EFFORT: Duration = Duration::from_millis(50);

pub(super) struct Shop {
    pub(super) address: SocketAddr,
    state: Arc<Counts>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    version: AtomicUsize,
    paths: Mutex<Vec<String>>,
}

// === impl Shop ===

impl Shop {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Counts::default());
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, app).await.expect("it serves");
        });
        Self {
            address,
            state,
            _server: server,
        }
    }

    /// Makes the next version of the document.
    pub(super) fn change(&self) -> usize {
        self.state.version.fetch_add(1, SeqCst) + 1
    }

    /// Returns the number of calls for paths that begin so.
    pub(super) fn calls(&self, prefix: &str) -> usize {
        let paths = self.state.paths.lock();
        paths.iter().filter(|path| path.starts_with(prefix)).count()
    }
}

async fn answer(State(state): State<Arc<Counts>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let version = state.version.load(SeqCst);
    state.paths.lock().push(path.clone());
    if path.starts_with("/cold/") {
        tokio::time::sleep(EFFORT).await;
    }
    let control = match path.as_str() {
        "/quote" => "no-store",
        _ => "max-age=3600",
    };
    Response::builder()
        .header("cache-control", control)
        .header("cache-tag", "document")
        .body(version.to_string().into())
        .expect("a response")
}
