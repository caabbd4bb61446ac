//! Where in its chain a middleware stands.

use std::{
    error, fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use http::Extensions;
use reqwest::{Client, Method, Request, Response, Url};
use reqwest_middleware::{ClientBuilder, Error, Middleware, Next};

/// The stack is not the last middleware of its chain: those behind it would never run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotLast;

/// Bytes of a call that no middleware stands before; 0 until it has been measured.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// Learns the size of such a call: it has nothing behind it but the client.
struct Measure;

/// Whether nothing stands behind a middleware.
///
/// A chain does not tell. But it hands out a call of what is left of it, and a call of the
/// client alone is of one type and so of one size, unlike those of middlewares. It is not
/// polled, so nothing is sent. A middleware whose calls are of just that size would be taken
/// for none; one is never seen where there is none.
pub(super) async fn is_last(next: &Next<'_>) -> bool {
    let known = match LAST.load(Ordering::Relaxed) {
        0 => measure().await,
        known => known,
    };
    known == 0 || size(next) == known
}

async fn measure() -> usize {
    // Without a client there is no measure, and without that no complaint.
    if let (Ok(client), Some(request)) = (Client::builder().build(), blank()) {
        let chain = ClientBuilder::new(client).with(Measure).build();
        // It fails on purpose.
        let _ = chain.execute(request).await;
    }
    LAST.load(Ordering::Relaxed)
}

fn size(next: &Next<'_>) -> usize {
    let Some(request) = blank() else { return 0 };
    let mut extensions = Extensions::new();
    let call = next.clone().run(request, &mut extensions);
    size_of_val(&*call)
}

/// A request that is never sent.
fn blank() -> Option<Request> {
    let url = Url::parse("http://localhost/").ok()?;
    Some(Request::new(Method::GET, url))
}

#[async_trait::async_trait]
impl Middleware for Measure {
    async fn handle(
        &self,
        _: Request,
        _: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        LAST.store(size(&next), Ordering::Relaxed);
        Err(Error::middleware(NotLast))
    }
}

// === impl NotLast ===

impl fmt::Display for NotLast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a stack of layers is followed by other middlewares, which would never run: add \
             them before it, or to the client that the stack's Transport calls",
        )
    }
}

impl error::Error for NotLast {}
