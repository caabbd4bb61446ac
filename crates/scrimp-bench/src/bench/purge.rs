//! Cost of purging a tag of a million entries, and of hits before and after.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Cache, CacheLayer, Invalidation, MemoryStore};
use tower::{Layer, Service, util::ServiceFn};

use crate::{alloc, peers::RequestBody, poll, report::Report, timing};

const BENCH: &str = "purge";
/// Entries with the purged tag.
const TAGGED: usize = 1_000_000;
/// Entries with another tag.
const OTHERS: usize = 1024;
/// Enough room that nothing is evicted.
const ROOM: u64 = 16 << 30;

type Reply = std::future::Ready<Result<Response<Full<Bytes>>, std::convert::Infallible>>;
type Service_ = Cache<ServiceFn<fn(Request<RequestBody>) -> Reply>>;

pub(crate) fn run(rounds: usize, report: &mut Report) {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    let layer = CacheLayer::new(MemoryStore::new(ROOM));
    let invalidator = layer.invalidator();
    let mut service = layer.layer(tower::service_fn(
        answer as fn(Request<RequestBody>) -> Reply,
    ));
    for number in 0..TAGGED {
        ask(&mut service, "tagged", number);
    }
    hits(&mut service);
    let before = timing::median((0..rounds).map(|_| hits(&mut service)).collect());
    let mut purge = Vec::with_capacity(rounds);
    let mut first = Vec::with_capacity(rounds);
    let mut later = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = timing::cpu_time();
        invalidator.invalidate(&Invalidation::tag("tagged"));
        purge.push(timing::cpu_time() - start);
        first.push(hits(&mut service));
        later.push(hits(&mut service));
    }
    let mut add = |metric, value| report.add(BENCH, "1,000,000 entries", metric, value, "ns");
    add("purge", timing::median(purge));
    add("hit before", before);
    add("first hit after", timing::median(first));
    add("later hits", timing::median(later));
    let misses = layer.stats().misses;
    ask(&mut service, "tagged", 7);
    assert_eq!(layer.stats().misses, misses + 1, "a purged entry is gone");
}

/// Returns a response with the first folder of the path as its tag.
#[expect(clippy::needless_pass_by_value, reason = "a service takes its request")]
fn answer(request: Request<RequestBody>) -> Reply {
    let tag = request.uri().path().split('/').nth(1).unwrap_or_default();
    let mut response = Response::new(Full::from("x"));
    let fields = response.headers_mut();
    fields.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=3600"),
    );
    fields.insert(
        "cache-tag",
        HeaderValue::from_str(tag).expect("a path is printable"),
    );
    std::future::ready(Ok(response))
}

fn request(tag: &str, number: usize) -> Request<RequestBody> {
    let mut request = Request::new(RequestBody::default());
    *request.uri_mut() = format!("/{tag}/{number}")
        .parse()
        .expect("the path is well-formed");
    request
}

fn ask(service: &mut Service_, tag: &str, number: usize) {
    let Ok(response) = poll::now(service.call(request(tag, number)));
    let Ok(_) = poll::now(response.into_body().collect());
}

/// Returns the nanoseconds of a hit on an entry that was not purged.
fn hits(service: &mut Service_) -> f64 {
    let requests: Vec<_> = (0..OTHERS).map(|number| request("other", number)).collect();
    let mut spent = 0.0;
    alloc::opt_out(|| {
        let start = timing::cpu_time();
        for request in requests {
            let Ok(response) = poll::now(service.call(request));
            let Ok(_) = poll::now(response.into_body().collect());
        }
        spent = timing::cpu_time() - start;
    });
    spent / OTHERS as f64
}
