//! The responses that prefetches receive: those that the log has for the same target.

use std::task::{Context, Poll};

use hashlink::LinkedHashMap;
use http::{Method, Request, Uri};
use tower_service::Service;

use crate::upstream::Logged;

/// Targets that are remembered: as many as the layer knows by default.
const TARGETS: usize = 16_384;

/// The latest logged response of each target. The one that was not asked for for longest makes room.
#[derive(Debug, Default)]
pub(super) struct Recall(LinkedHashMap<Uri, Logged, std::hash::RandomState>);

/// A service that answers requests that are not in the log as the last equal one was.
#[derive(Debug, Clone)]
pub(super) struct Recalling<S> {
    inner: S,
    known: std::sync::Arc<parking_lot::Mutex<Recall>>,
}

// === impl Recall ===

impl Recall {
    /// Notes the response of a request, or gives the request the one that is known.
    fn meet<B>(&mut self, request: &mut Request<B>) {
        if request.method() != Method::GET {
            return;
        }
        let uri = request.uri();
        match request.extensions().get::<Logged>().copied() {
            Some(logged) => {
                self.0.insert(uri.clone(), logged);
                if self.0.len() > TARGETS {
                    self.0.pop_front();
                }
            }
            None => {
                if let Some(logged) = self.0.get(uri).copied() {
                    request.extensions_mut().insert(logged);
                }
            }
        }
    }
}

// === impl Recalling ===

impl<S> Recalling<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            known: std::sync::Arc::default(),
        }
    }
}

impl<S, B> Service<Request<B>> for Recalling<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        self.known.lock().meet(&mut request);
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, bytes: Option<u64>) -> Request<()> {
        let mut request = Request::get(format!("http://log.local{path}"))
            .body(())
            .unwrap();
        if let Some(bytes) = bytes {
            request.extensions_mut().insert(Logged {
                status: 200,
                bytes,
                latency: None,
            });
        }
        request
    }

    fn recalled(known: &mut Recall, path: &str) -> Option<u64> {
        let mut request = request(path, None);
        known.meet(&mut request);
        let logged = request.extensions().get::<Logged>();
        logged.map(|logged| logged.bytes)
    }

    #[test]
    fn a_hundred_times_as_many_targets_leave_the_latest_ones() {
        let mut known = Recall::default();
        for number in 0..100 * TARGETS as u64 {
            known.meet(&mut request(&format!("/{number}"), Some(number)));
        }
        assert_eq!(known.0.len(), TARGETS);
        let last = 100 * TARGETS as u64 - 1;
        assert_eq!(recalled(&mut known, &format!("/{last}")), Some(last));
        assert_eq!(recalled(&mut known, "/0"), None);
        known.meet(&mut request(&format!("/{last}"), Some(7)));
        assert_eq!(recalled(&mut known, &format!("/{last}")), Some(7));
    }
}
