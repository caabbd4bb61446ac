//! Prefetching in the shadow, beside the same prefetching in its place.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::BoxError;
use scrimp_prefetch::{PrefetchLayer, PrefetchStats, SessionKey};
use scrimp_shadow::ShadowLayer;
use tokio::{
    task::{JoinSet, LocalSet},
    time::sleep,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const SESSIONS: u64 = 1_000;
const PRODUCTS: f64 = 400.0;

fn prefetch() -> PrefetchLayer {
    let session = SessionKey::header(HeaderName::from_static("x-visit"));
    let builder = PrefetchLayer::builder(session)
        .value_of_waiting("0.002")
        .price("0.0005");
    builder.build().unwrap()
}

fn cache() -> CacheLayer<MemoryStore> {
    let builder = CacheLayer::builder(MemoryStore::new(16 << 20));
    builder.rule("path=/** ttl=1m").build().unwrap()
}

fn random(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Visits products, and mostly their reviews and then their prices, each after a while.
async fn visit<S, B>(service: S, session: u64)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: std::fmt::Debug> + Clone,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let mut random = random(session);
    for _ in 0..100 {
        random();
    }
    let ask = async |path: String| {
        let request = Request::get(format!("http://shop.example{path}")).header("x-visit", session);
        let request = request.body(Full::default()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, path, "the live response");
    };
    for _ in 0..6 {
        let product = PRODUCTS.powf(random()) as u32;
        ask(format!("/products/{product}")).await;
        for (part, chance) in [("reviews", 0.8), ("prices", 0.6)] {
            sleep(Duration::from_secs_f64(3.0 + 5.0 * random())).await;
            if random() < chance {
                ask(format!("/products/{product}/{part}")).await;
            }
        }
        sleep(Duration::from_secs_f64(5.0 + 20.0 * random())).await;
    }
}

type Server =
    tower::util::BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;

/// Returns a server, and the number of its calls.
fn server() -> (Server, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let answer = move |request: Request<Full<Bytes>>| {
        count.fetch_add(1, Relaxed);
        async move {
            sleep(Duration::from_millis(300)).await;
            Ok(Response::new(Full::from(request.uri().path().to_owned())))
        }
    };
    (Server::new(service_fn(answer)), calls)
}

/// Plays all visits to a service, in virtual time.
async fn play<S, B>(service: S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: std::fmt::Debug>,
    S: Clone + 'static,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + 'static,
{
    let visiting = async {
        let mut visits = JoinSet::new();
        for session in 0..SESSIONS {
            visits.spawn_local(visit(service.clone(), session));
            sleep(Duration::from_secs(2)).await;
        }
        visits.join_all().await;
    };
    LocalSet::new().run_until(visiting).await;
}

#[tokio::test(start_paused = true)]
async fn it_spares_the_waiting_that_its_shadow_showed() {
    let (server, _) = server();
    let real = prefetch();
    play(real.layer(cache().layer(server))).await;
    let real = real.stats();

    let (server, calls) = self::server();
    let tried = prefetch();
    let layers = ServiceBuilder::new().layer(tried.clone()).layer(cache());
    let shadow = ShadowLayer::new(layers.into_inner());
    play(shadow.layer(server)).await;
    shadow.settled().await;
    let tried = tried.stats();
    assert_eq!(
        calls.load(Relaxed),
        shadow.stats().requests,
        "nothing is fetched"
    );
    assert_eq!((shadow.stats().skipped, shadow.stats().panicked), (0, 0));
    println!("{} unanswered", shadow.stats().unanswered);
    let show = |stats: PrefetchStats| {
        let PrefetchStats {
            calls,
            useful,
            late,
            wasted,
            failed,
            ..
        } = stats;
        println!(
            "calls {calls}, useful {useful}, late {late}, wasted {wasted}, failed {failed}, net {}",
            stats.net
        );
    };
    show(real);
    show(tried);
    assert!(real.useful > 500, "{real:?}");
    let is_near = |real: i128, tried: i128| (real - tried).abs() * 50 <= real.abs();
    assert!(is_near(real.useful.into(), tried.useful.into()));
    assert!(is_near(real.net.pico(), tried.net.pico()));
}
