//! Visits to play, and a server to play them to.

use std::{
    io::Read,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_core::BoxError;
use tokio::task::{JoinSet, LocalSet};
use tower::{Layer, Service, ServiceExt, util::BoxCloneService};

/// Duration of a call.
const CALL: Duration = Duration::from_millis(200);

/// A request for a path, at a time.
pub(crate) struct Visit {
    at: Duration,
    path: String,
}

pub(crate) type Server = BoxCloneService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;

/// Makes visits of an hour, to pages by Zipf's law.
pub(crate) fn at_random(count: u32) -> Vec<Visit> {
    let mut state = 7_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let visit = |number| Visit {
        at: Duration::from_secs(3_600) * number / count,
        path: format!("/{}", 5_000_f64.powf(random()) as u32),
    };
    (0..count).map(visit).collect()
}

/// Returns the visits of a day of the log of a web server, if it is there.
pub(crate) fn apache() -> Option<Vec<Visit>> {
    let log = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/traces/semicomplete-2015-05.log.gz");
    let mut text = String::new();
    let file = std::fs::File::open(log).ok()?;
    GzDecoder::new(file).read_to_string(&mut text).ok()?;
    let visit = |line: &str| {
        // `… [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" …`
        let (day, rest) = line.split_once('[')?.1.split_once(':')?;
        let mut parts = rest.split([':', ' ']);
        let mut number = || parts.next()?.parse::<u64>().ok();
        let seconds = (number()? * 60 + number()?) * 60 + number()?;
        let path = rest.split_once("\"GET ")?.1.split(' ').next()?;
        let is_path = path.starts_with('/') && path.parse::<http::Uri>().is_ok();
        (day == "18/May/2015" && is_path).then(|| Visit {
            at: Duration::from_secs(seconds),
            path: path.to_owned(),
        })
    };
    let mut visits: Vec<_> = text.lines().filter_map(visit).collect();
    visits.sort_by_key(|visit| visit.at);
    Some(visits)
}

/// Plays visits through a layer, in virtual time. Returns the number of calls that reach the server.
pub(crate) async fn play<L, B>(visits: &[Visit], layer: L) -> u64
where
    L: Layer<Server>,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + 'static,
    <L::Service as Service<Request<Full<Bytes>>>>::Error: std::fmt::Debug,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + 'static,
{
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let answer = move |request: Request<Full<Bytes>>| {
        count.fetch_add(1, Relaxed);
        async move {
            tokio::time::sleep(CALL).await;
            let length = 100 + 97 * request.uri().path().len() % 4_000;
            let body = Full::from(vec![b'x'; length]);
            Ok::<_, BoxError>(Response::new(body))
        }
    };
    let server = BoxCloneService::new(tower::service_fn(answer));
    let service = layer.layer(server);
    let start = tokio::time::Instant::now();
    let visiting = async {
        let mut tasks = JoinSet::new();
        for visit in visits {
            tokio::time::sleep_until(start + visit.at).await;
            let request = Request::get(format!("http://a.example{}", visit.path));
            let request = request.body(Full::default()).expect("a path");
            let call = service.clone().oneshot(request);
            tasks.spawn_local(async move {
                let response = call.await.expect("an answer");
                response.into_body().collect().await.expect("a body");
            });
            while tasks.try_join_next().is_some() {}
        }
        tasks.join_all().await;
    };
    LocalSet::new().run_until(visiting).await;
    calls.load(Relaxed)
}
