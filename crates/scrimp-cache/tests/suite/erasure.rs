//! The bytes of a subject's responses, and those that are older than the retention.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{
    Admin, CacheLayer, CacheLayerBuilder, Entry, FillToken, Invalidation, Lookup, MemoryBudget,
    MemoryStore, Placement, Store, TierCandidate, TierPolicy, Tiered,
};
use scrimp_core::{Key, KeyRef};
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt, service_fn};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Returns the number of responses in memory, of all and of those with a text in their bodies.
fn holds(store: &MemoryStore, text: &str) -> (u64, u64) {
    let all = store.count(&mut |_| true).expect("memory can tell");
    let is_meant = |entry: &Entry| {
        entry
            .body()
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    (
        all,
        store
            .count(&mut |entry| is_meant(entry))
            .expect("memory can tell"),
    )
}

fn settings<St: Store>(store: St) -> CacheLayerBuilder<St> {
    CacheLayer::builder(store)
        .rule("path=/users/{id}/* tag=user:{id} ttl=1h")
        .rule("ttl=1h")
}

fn service<St: Store>(
    layer: &CacheLayer<St>,
) -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<impl http_body::Body<Data = Bytes, Error: std::fmt::Debug>>,
    Error = Infallible,
    Future: Send,
> + Clone {
    layer.layer(service_fn(|request: Request<Full<Bytes>>| async move {
        let text = format!("this is {}", request.uri().path());
        let response = Response::builder().header("vary", "accept-language");
        Ok::<_, Infallible>(response.body(Full::from(text)).expect("a response"))
    }))
}

fn request(path: &str, language: &str) -> Request<Full<Bytes>> {
    let request = Request::get(format!("http://a.example{path}"));
    let request = request.header("accept-language", language);
    request.body(Full::default()).expect("a request")
}

async fn get<S, B>(service: &S, path: &str, language: &str)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let response = service.clone().oneshot(request(path, language)).await;
    response
        .expect("infallible")
        .into_body()
        .collect()
        .await
        .expect("a body");
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn the_bytes_of_a_subject_leave_memory_in_all_variants_and_those_of_others_stay() {
    let store = MemoryStore::new(1 << 20);
    let layer = settings(store.clone()).build().expect("settings");
    let service = service(&layer);
    for (path, language) in [
        ("/users/anna/orders", "en"),
        ("/users/anna/orders", "de"),
        ("/users/anna/profile", "en"),
        ("/users/bert/orders", "en"),
        ("/offers", "en"),
    ] {
        get(&service, path, language).await;
    }
    assert_eq!(holds(&store, "anna"), (5, 3));
    let tag = Invalidation::tag("user:anna").soft();
    let erased = layer
        .invalidator()
        .erase(&tag)
        .await
        .expect("memory can erase");
    assert_eq!((erased.responses, erased.unreadable), (3, 0));
    assert_eq!(holds(&store, "anna"), (2, 0));
    assert_eq!(store.stats().entries, 2);
    let again = layer
        .invalidator()
        .erase(&tag)
        .await
        .expect("memory can erase");
    assert_eq!(again.responses, 0);
}

#[tokio::test]
async fn what_an_invalidation_hit_before_is_removed_too_and_a_response_in_progress_is_not_stored() {
    let store = MemoryStore::new(1 << 20);
    let layer = settings(store.clone()).build().expect("settings");
    let stored = service(&layer);
    get(&stored, "/users/anna/orders", "en").await;
    layer
        .invalidator()
        .invalidate(&Invalidation::tag("user:anna"));
    assert_eq!(holds(&store, "anna").1, 1, "it is invalid, and still there");

    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let slow = layer.layer(service_fn(move |_: Request<Full<Bytes>>| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok::<_, Infallible>(Response::new(Full::from("this is anna, late")))
        }
    }));
    let late = tokio::spawn(async move { get(&slow, "/users/anna/profile", "en").await });
    begun.notified().await;
    let erased = layer
        .invalidator()
        .erase(&Invalidation::tag("user:anna"))
        .await;
    assert_eq!(erased.expect("memory can erase").responses, 1);
    go.notify_one();
    late.await.expect("no panic");
    assert_eq!(holds(&store, "anna"), (0, 0));
}

/// A store that cannot erase.
#[derive(Clone)]
struct Plain(MemoryStore);

impl Store for Plain {
    type Get = <MemoryStore as Store>::Get;
    type Put = <MemoryStore as Store>::Put;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.0.get(key)
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        self.0.put(key, entry, token)
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.0.remove(key, which);
    }

    fn budget(&self) -> &MemoryBudget {
        self.0.budget()
    }

    fn max_body(&self) -> u64 {
        self.0.max_body_size()
    }
}

/// Keeps everything in both tiers.
#[derive(Debug)]
struct Both;

impl TierPolicy for Both {
    fn place(&self, _: &TierCandidate<'_>) -> Placement {
        Placement {
            upper: Some(HOUR),
            lower: Some(HOUR),
        }
    }
}

#[tokio::test]
async fn a_tier_that_cannot_erase_is_an_error_and_the_others_are_done_and_the_invalidation_holds() {
    let (upper, lower) = (MemoryStore::new(1 << 20), Plain(MemoryStore::new(1 << 20)));
    let below = lower.0.clone();
    let tiers = Tiered::builder(upper.clone(), lower)
        .policy(Both)
        .build()
        .expect("settings");
    let layer = settings(tiers).build().expect("settings");
    let service = service(&layer);
    get(&service, "/users/anna/orders", "en").await;
    assert_eq!((holds(&upper, "anna").1, holds(&below, "anna").1), (1, 1));
    let tag = Invalidation::tag("user:anna");
    let error = layer
        .invalidator()
        .erase(&tag)
        .await
        .expect_err("one tier cannot");
    assert!(error.to_string().contains("Plain cannot erase"), "{error}");
    assert_eq!(
        (holds(&upper, "anna").1, layer.invalidator().count(&tag)),
        (0, Some(0))
    );
    assert_eq!(layer.stats().hits, 0);
    get(&service, "/users/anna/orders", "en").await;
    assert_eq!((layer.stats().hits, layer.stats().misses), (0, 2));
}

#[tokio::test]
async fn both_tiers_are_erased() {
    let (upper, lower) = (MemoryStore::new(1 << 20), MemoryStore::new(1 << 20));
    let tiers = Tiered::builder(upper.clone(), lower.clone()).policy(Both);
    let layer = settings(tiers.build().expect("settings"))
        .build()
        .expect("settings");
    let service = service(&layer);
    get(&service, "/users/anna/orders", "en").await;
    get(&service, "/users/bert/orders", "en").await;
    assert_eq!(
        (holds(&upper, "anna"), holds(&lower, "anna")),
        ((2, 1), (2, 1))
    );
    let erased = layer
        .invalidator()
        .erase(&Invalidation::tag("user:anna"))
        .await;
    assert_eq!(erased.expect("both can").responses, 2);
    assert_eq!(
        (holds(&upper, "anna"), holds(&lower, "anna")),
        ((1, 0), (1, 0))
    );
}

#[tokio::test]
async fn an_operator_erases_over_http_and_a_store_that_cannot_is_said() {
    let store = MemoryStore::new(1 << 20);
    let layer = settings(store.clone()).build().expect("settings");
    let ask = async |admin: Admin, query: &str| {
        let request = Request::post(format!("/erase?{query}"))
            .body(())
            .expect("a request");
        let response = admin.oneshot(request).await.expect("infallible");
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    get(&service(&layer), "/users/anna/orders", "en").await;
    get(&service(&layer), "/users/bert/orders", "en").await;
    let (status, text) = ask(layer.admin(|_| false), "tag=user:anna").await;
    assert_eq!((status, holds(&store, "anna").1), (403, 1), "{text}");
    let (status, text) = ask(layer.admin(|_| true), "nothing").await;
    assert_eq!(status, 400, "{text}");
    let (status, text) = ask(layer.admin(|_| true), "tag=user:anna&tag=user:carl").await;
    assert_eq!(
        (status, &*text),
        (200, r#"{"status":"ok","erased":1,"unreadable":0}"#)
    );
    assert_eq!(holds(&store, "anna"), (1, 0));

    let plain = settings(Plain(MemoryStore::new(1 << 20)))
        .build()
        .expect("settings");
    let (status, text) = ask(plain.admin(|_| true), "tag=user:anna").await;
    assert!(
        status == 502 && text.contains("Plain cannot erase"),
        "{status}: {text}"
    );
}

#[tokio::test(start_paused = true)]
async fn after_the_retention_a_response_is_not_used_and_a_sweep_removes_its_bytes() {
    let store = MemoryStore::new(1 << 20);
    let layer = CacheLayer::builder(store.clone())
        .rule("ttl=infinite fail-safe=48h")
        .retention(24 * HOUR)
        .build()
        .expect("settings");
    let service = service(&layer);
    get(&service, "/old", "en").await;
    tokio::time::advance(20 * HOUR).await;
    get(&service, "/old", "en").await;
    assert_eq!(layer.stats().hits, 1);
    get(&service, "/new", "en").await;
    assert_eq!(layer.sweep().await.expect("memory can").responses, 0);
    tokio::time::advance(4 * HOUR).await;
    assert_eq!(layer.sweep().await.expect("memory can").responses, 1);
    assert_eq!((holds(&store, "/old").1, holds(&store, "/new").1), (0, 1));
    get(&service, "/old", "en").await;
    assert_eq!((layer.stats().hits, layer.stats().misses), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn without_a_retention_a_sweep_removes_nothing() {
    let store = MemoryStore::new(1 << 20);
    let layer = settings(store.clone()).build().expect("settings");
    get(&service(&layer), "/old", "en").await;
    tokio::time::advance(1000 * HOUR).await;
    assert_eq!(layer.sweep().await.expect("nothing to do").responses, 0);
    assert_eq!(holds(&store, "/old").1, 1);
}
