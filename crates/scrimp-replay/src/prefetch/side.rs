//! One cache over the upstream, with prefetches in front of it or without them.

use std::{
    future::Future,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    pin::Pin,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::{Clock, Ledger, Money};
use scrimp_prefetch::{PrefetchLayer, PrefetchStats, SessionKey};
use tokio::{
    task::{JoinSet, yield_now},
    time::{Instant, sleep, sleep_until},
};
use tower_layer::Layer;
use tower_service::Service;

use super::recall::Recalling;
use crate::{
    ahead::{PrefetchSettings, Waited},
    error::Result,
    line::Entry,
    settings::{Settings, rule},
    simulated::{anchored, micros, request},
    stack::{coalesce_layer, read},
    timeline::Timeline,
    ttl::Ttl,
    upstream::{Latency, Upstream},
};

/// Requests between two chances for the layer to learn, if all are made at the same time.
const STRIDE: u64 = 256;

/// Requests that may wait to be learned.
const EVENTS: usize = 1 << 16;

/// Shortest and longest time for which a response is expected to be of use.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(1_800);

/// Makes a request, and reads the response to its end.
type Call = Box<dyn FnMut(Request<Empty<Bytes>>) -> Reading>;
type Reading = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The session of a request: a hash of its address and its user agent.
#[derive(Debug, Clone, Copy, Hash)]
struct Visitor(u64);

/// The settings of one side.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) settings: Settings,
    pub(super) prefetch: PrefetchSettings,
    /// Value of a spared wait. None: nothing is prefetched.
    pub(super) value: Option<Money>,
    pub(super) latency: Latency,
    /// Times of the first and the last request.
    pub(super) span: (i64, i64),
}

/// The layers, and the counts of their requests.
struct Side {
    call: Call,
    prefetch: Option<PrefetchLayer>,
    upstream: Upstream,
    answers: JoinSet<(usize, Duration)>,
    timeline: Timeline,
    counts: Waited,
    host: String,
}

// === impl Plan ===

impl Plan {
    /// Makes all requests at their times, in virtual time.
    pub(super) async fn drive(
        self,
        entries: &mut dyn Iterator<Item = Entry>,
    ) -> Result<(Waited, Option<PrefetchStats>)> {
        let (start, (first, _)) = (Instant::now(), self.span);
        let mut side = Side::new(&self)?;
        // Nothing else runs in this thread, so that waiting for an entry stops the virtual time.
        for (at, entry) in (1..).zip(entries) {
            sleep_until(start + micros(entry.time.abs_diff(first))).await;
            side.call(&entry)?;
            if u64::is_multiple_of(at, STRIDE) {
                yield_now().await;
            }
        }
        // The last prefetches are judged, too.
        side.answers_until(self.keep() + self.prefetch.lead + LONGEST)
            .await;
        Ok(side.finish())
    }

    /// Returns the time for which a prefetched response is of use, as far as it is known beforehand.
    fn keep(&self) -> Duration {
        match self.settings.ttl {
            Ttl::After(time) => time.clamp(SHORTEST, LONGEST),
            Ttl::Infinite => LONGEST,
            Ttl::None => Duration::from_secs(120),
        }
    }

    fn layer(&self, clock: &Clock) -> Result<Option<PrefetchLayer>> {
        let Some(value) = self.value else {
            return Ok(None);
        };
        let session = SessionKey::by(|_, extensions| extensions.get::<Visitor>().copied());
        let mut builder = PrefetchLayer::builder(session)
            .value_of_waiting(value)
            .price(self.settings.price)
            .lead(self.prefetch.lead)
            .keep(self.keep())
            .min_confidence(self.prefetch.min_confidence)
            .max_events(EVENTS)
            .clock(clock.clone());
        if let Some(budget) = self.prefetch.per_hour {
            builder = builder.budget_per_hour(budget);
        }
        Ok(Some(builder.build()?))
    }
}

// === impl Side ===

impl Side {
    fn new(plan: &Plan) -> Result<Self> {
        let settings = &plan.settings;
        let clock = anchored(plan.span.0);
        let ledger = Ledger::new();
        let mut cache = CacheLayer::builder(MemoryStore::new(settings.max_bytes))
            .ledger(ledger.clone())
            .clock(clock.clone());
        for text in settings.cache_rules() {
            cache = cache.rule(rule(&text)?);
        }
        let cache = cache.build()?;
        let upstream = Upstream::new(settings.price, plan.latency);
        let prefetch = plan.layer(&clock)?;
        let call = match settings.coalesce {
            true => {
                let shared = coalesce_layer(settings, &clock, &ledger)?;
                front(
                    cache.layer(shared.layer(upstream.clone())),
                    prefetch.as_ref(),
                )
            }
            false => front(cache.layer(upstream.clone()), prefetch.as_ref()),
        };
        let timeline = Timeline::new(plan.span.0, plan.span.1, settings.price.currency());
        Ok(Self {
            call,
            prefetch,
            upstream,
            answers: JoinSet::new(),
            counts: Waited {
                timeline: vec![0.0; timeline.slices.len()],
                ..Waited::default()
            },
            timeline,
            host: settings.host.clone(),
        })
    }

    /// Starts a request.
    fn call(&mut self, entry: &Entry) -> Result<()> {
        let mut asked = request(entry, &self.host)?;
        if entry.client != 0 {
            asked.extensions_mut().insert(Visitor::of(entry));
        }
        let slice = self.timeline.place(entry.time);
        let (answer, start) = ((self.call)(asked), Instant::now());
        self.answers.spawn(async move {
            answer.await;
            (slice, start.elapsed())
        });
        while let Some(Ok((slice, waited))) = self.answers.try_join_next() {
            self.count(slice, waited);
        }
        Ok(())
    }

    /// Waits for all answers, and for a time in which prefetches end.
    async fn answers_until(&mut self, time: Duration) {
        while let Some(Ok((slice, waited))) = self.answers.join_next().await {
            self.count(slice, waited);
        }
        sleep(time).await;
    }

    fn count(&mut self, slice: usize, waited: Duration) {
        self.counts.waits += u64::from(!waited.is_zero());
        self.counts.waited += waited;
        if let Some(slice) = self.counts.timeline.get_mut(slice) {
            *slice += waited.as_secs_f64();
        }
    }

    fn finish(mut self) -> (Waited, Option<PrefetchStats>) {
        self.counts.upstream_calls = self.upstream.calls();
        (self.counts, self.prefetch.map(|layer| layer.stats()))
    }
}

/// Returns the outermost layer: that of the prefetches, if there is one.
fn front<S, B>(inner: S, prefetch: Option<&PrefetchLayer>) -> Call
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data = Bytes> + Send + 'static,
{
    match prefetch {
        Some(layer) => caller(layer.layer(Recalling::new(inner))),
        None => caller(inner),
    }
}

fn caller<S, B>(mut service: S) -> Call
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: Body + Send + 'static,
{
    // These layers are always ready, as is the upstream.
    Box::new(move |request| Box::pin(read(service.call(request))))
}

// === impl Visitor ===

impl Visitor {
    fn of(entry: &Entry) -> Self {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        Self(hasher.hash_one((entry.client, &entry.user_agent)))
    }
}
