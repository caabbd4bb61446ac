//! The table behind a `CacheLayer`: the same decisions, with all that HTTP does around them.

use std::{convert::Infallible, future::Ready, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{
    CacheLayer, Entry, FillToken, Lookup, MemoryBudget, PutOutcome, Store, Variants,
};
use scrimp_core::{BoxError, Key, KeyRef};
use scrimp_table::{Change, Kept, Table};
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};

use super::{policies, sizes::BESIDE};
use crate::{peers::RequestBody, poll};

/// Bytes that the table counts for itself.
const COUNTED: u64 = 216;

/// A store whose entries weigh what the trace says, so that it decides by the same weights as the
/// others.
#[derive(Clone)]
struct Fixed(Arc<(Table<Value>, MemoryBudget)>);

struct Value {
    variants: Arc<Variants>,
    weight: u64,
}

/// Sends the requests of a trace through a layer, and returns the number of hits.
pub(super) fn hits(requests: &[policies::Request], capacity: u64) -> u64 {
    let largest = requests.iter().map(|request| request.weight).max();
    let body = Bytes::from(vec![b'b'; largest.unwrap_or(0) as usize]);
    let origin = service_fn(move |request: Request<RequestBody>| {
        let size = request.uri().query().and_then(|size| size.parse().ok());
        let mut response = Response::new(Full::new(body.slice(..size.unwrap_or(0))));
        let year = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::CACHE_CONTROL, year);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let store = Fixed(Arc::new((
        Table::new(capacity, u64::MAX),
        MemoryBudget::new(u64::MAX),
    )));
    let layer = CacheLayer::new(store);
    let mut service = layer.layer(origin);
    for request in requests {
        let target = format!("/{}?{}", request.key, request.weight - BESIDE);
        let mut request = Request::new(RequestBody::default());
        *request.uri_mut() = target.parse().expect("the target is well-formed");
        let Ok(response) = poll::now(service.call(request));
        let Ok(_) = poll::now(response.into_body().collect());
    }
    layer.stats().hits
}

// === impl Fixed ===

impl Store for Fixed {
    type Get = Ready<Result<Option<Arc<Variants>>, BoxError>>;
    type Put = Ready<Result<PutOutcome, BoxError>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let found = self.0.0.get(key);
        Lookup::Now(found.map(|value| Arc::clone(&value.variants)))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let weight = entry.body().len() as u64 + BESIDE;
        let weight = weight.saturating_sub(COUNTED + key.heap_size() as u64);
        let put = self.0.0.change(key, Instant::now(), |_| {
            if !token.allows(&entry) {
                return Change::Keep(PutOutcome::Superseded);
            }
            let variants = Arc::new(Variants::default().with(&entry));
            Change::Put(Value { variants, weight }, PutOutcome::Stored)
        });
        std::future::ready(Ok(put.unwrap_or(PutOutcome::Rejected)))
    }

    fn remove(&self, key: KeyRef<'_>, _: Option<&Arc<Entry>>) {
        self.0.0.remove(key);
    }

    fn budget(&self) -> &MemoryBudget {
        &self.0.1
    }

    fn max_body(&self) -> u64 {
        u64::MAX
    }
}

impl Kept for Value {
    fn weight(&self) -> u64 {
        self.weight
    }

    fn until(&self) -> Option<Instant> {
        None
    }
}
