//! Position of a middleware in its chain.

use std::{
    error, fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use http::Extensions;
use reqwest::{Client, Method, Request, Response, Url};
use reqwest_middleware::{ClientBuilder, Error, Middleware, Next};

/// The error of a stack that is not the last middleware of its chain: those after it would never
/// run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotLast;

/// Size in bytes of a call without further middlewares; 0 until measured.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// Middleware that measures such a call: only the client follows it.
struct Measure;

/// Reports whether no middleware follows.
///
/// A chain does not expose this. But it creates a call from the rest of the chain, and a call of
/// the client alone has one type and so one size, which differs from that of middlewares. The call
/// is not polled, so nothing is sent. A middleware whose calls have exactly this size would not be
/// detected; a chain without one is never refused.
pub(super) async fn is_last(next: &Next<'_>) -> bool {
    let known = match LAST.load(Ordering::Relaxed) {
        0 => measure().await,
        known => known,
    };
    known == 0 || size(next) == known
}

async fn measure() -> usize {
    // Without a client there is no measure, and without a measure no refusal.
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

/// Makes a request that is never sent.
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
