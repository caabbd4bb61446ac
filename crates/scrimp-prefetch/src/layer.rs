//! The layer.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use http::Request;
use tower_layer::Layer;

use crate::{Prefetch, PrefetchStats, SpeculationRules, common::Common};

/// A tower layer that learns what each session asks for next, and fetches it ahead of time.
///
/// It goes outside the cache, which keeps what is fetched. All services of a layer and of its clones share
/// what they learn.
#[derive(Debug, Clone)]
pub struct PrefetchLayer {
    common: Arc<Common>,
}

// === impl PrefetchLayer ===

impl PrefetchLayer {
    pub(crate) fn of(common: Common) -> Self {
        Self {
            common: Arc::new(common),
        }
    }

    /// Returns a service that answers browsers with the pages that their session is expected to visit next. It
    /// belongs at the path of [`browser_rules`](crate::PrefetchLayerBuilder::browser_rules).
    #[must_use]
    pub fn speculation_rules(&self) -> SpeculationRules {
        SpeculationRules::of(Arc::clone(&self.common))
    }

    /// Forgets the session of a request, as when an operator erases the data of a person. Returns true if the session
    /// was known.
    ///
    /// The request stands for all of its session: what the [`SessionKey`](crate::SessionKey) looks at must be in it, and
    /// the [`Tenant`](scrimp_core::extensions::Tenant), where requests have one. It is not sent.
    ///
    /// What goes is the trail of the session and what is predicted, planned and kept for it; and targets, pages and
    /// forms of paths that only this session has shown, with their text. Requests that were answered before are learned
    /// first, and then forgotten. One that is in progress comes after that, and begins the session anew; a prefetch in
    /// flight ends by itself. What was fetched is in the cache inside, which has an erasure of its own.
    ///
    /// What the predictors have counted of all sessions stays. It is no data of a person: how often a target followed
    /// others, by hashes with a key of the process, which names no session, and of which nothing tells a path.
    ///
    /// ```
    /// # use http::Request;
    /// # use scrimp_prefetch::{PrefetchLayer, SessionKey};
    /// # async fn erase(prefetch: PrefetchLayer) -> Result<(), http::Error> {
    /// let request = Request::get("/").header("cookie", "sid=ann").body(())?;
    /// let was_known = prefetch.forget(&request).await;
    /// # let _ = was_known; Ok(()) }
    /// ```
    pub fn forget<B>(&self, request: &Request<B>) -> impl Future<Output = bool> + Send + use<B> {
        let (common, shared) = (Arc::clone(&self.common), &self.common.shared);
        let (headers, extensions) = (request.headers(), request.extensions());
        let session = shared.names.session(&shared.config, headers, extensions);
        async move {
            match session {
                Some(session) => common.forget(session).await,
                None => false,
            }
        }
    }

    /// Returns the counters of the layer. The worker counts with a delay, behind the requests.
    #[must_use]
    pub fn stats(&self) -> PrefetchStats {
        self.common.stats()
    }
}

impl<S> Layer<S> for PrefetchLayer {
    type Service = Prefetch<S>;

    fn layer(&self, inner: S) -> Prefetch<S> {
        self.common.shared.services.fetch_add(1, Relaxed);
        Prefetch::from_parts(inner, Arc::clone(&self.common))
    }
}
