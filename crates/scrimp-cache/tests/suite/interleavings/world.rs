//! A cache, an origin, and everything in progress between them.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use scrimp_cache::{CacheBody, Invalidation, Invalidator};
use scrimp_core::BoxError;
use scrimp_testkit::{PollCounter, ScriptedBody};
use tower::Service;

use super::{
    common::{Rig, layer, request},
    origin::Origin,
    step::{Case, How, KEYS, LISTS, PATHS, Step, What},
    verdict::{Asked, Floors},
};

type Answer = Result<Response<CacheBody<ScriptedBody>>, BoxError>;
type Call = PollCounter<Pin<Box<dyn Future<Output = Answer>>>>;

pub struct World {
    rig: Rig,
    invalidator: Invalidator,
    origin: Arc<Origin>,
    floors: Floors,
    lagging: bool,
    calls: Vec<(Kind, Call)>,
    bodies: Vec<Reading>,
}

enum Kind {
    Ask(Asked),
    Post(usize),
}

/// A body on its way to the client.
struct Reading {
    body: Pin<Box<CacheBody<ScriptedBody>>>,
    got: Vec<u8>,
    expected: Option<String>,
}

/// Limit on rounds, above the need of anything that makes progress.
const ENOUGH: usize = 200;

// === impl World ===

impl World {
    pub fn new(case: &Case) -> Self {
        let origin = Origin::new(case);
        let answering = Arc::clone(&origin);
        let rig = Rig::answering(layer(), move |parts| answering.answer(parts));
        Self {
            invalidator: rig.layer.invalidator(),
            rig,
            origin,
            floors: Floors::default(),
            lagging: case.lagging,
            calls: Vec::new(),
            bodies: Vec::new(),
        }
    }

    pub async fn take(&mut self, step: Step) {
        match step {
            Step::Ask(key, how) => self.ask(key, how),
            Step::Post(key) => self.call(Kind::Post(key), "POST", key, &[]),
            Step::Write(key) => {
                self.origin.write(key);
            }
            Step::Invalidate(what, soft) => self.invalidate(what, soft),
            Step::Poll(which) => self.poll(which),
            Step::Frame(which) => self.frame(which),
            Step::Open(which) => self.origin.open(which),
            Step::DropCall(which) => drop(pick(&mut self.calls, which)),
            Step::DropBody(which) => drop(pick(&mut self.bodies, which)),
            Step::Advance(seconds) => self.rig.clock.advance(Duration::from_secs(seconds)),
            Step::Background => tokio::task::yield_now().await,
        }
    }

    /// Runs everything to its end, and checks the remaining state.
    pub async fn settle(&mut self) {
        self.origin.open_all();
        for key in 0..KEYS {
            self.ask(key, How::OnlyIfCached);
            self.ask(key, How::Plain);
        }
        for _ in 0..ENOUGH {
            (0..self.calls.len())
                .rev()
                .for_each(|which| self.poll(which));
            (0..self.bodies.len())
                .rev()
                .for_each(|which| self.frame(which));
            tokio::task::yield_now().await;
            if self.calls.is_empty() && self.bodies.is_empty() && self.rig.upstream.in_flight() == 0
            {
                break;
            }
        }
        assert_eq!(self.calls.len(), 0, "a request was lost");
        assert_eq!(self.bodies.len(), 0, "a body has no end");
        assert_eq!(self.rig.upstream.in_flight(), 0, "a call goes on for ever");
        assert_eq!(
            self.rig.store.stats().fill_bytes,
            0,
            "memory for fills leaks"
        );
        assert!(self.rig.upstream.faults().is_empty());
    }

    fn ask(&mut self, key: usize, how: How) {
        let (method, fields): (_, &[_]) = match how {
            How::Plain => ("GET", &[]),
            How::Head => ("HEAD", &[]),
            How::NoCache => ("GET", &[("cache-control", "no-cache")]),
            How::MaxStale => ("GET", &[("cache-control", "max-stale")]),
            How::OnlyIfCached => ("GET", &[("cache-control", "only-if-cached")]),
        };
        let asked = Asked {
            key,
            how,
            floors: self.floors,
            lagging: self.lagging,
        };
        self.call(Kind::Ask(asked), method, key, fields);
    }

    fn call(&mut self, kind: Kind, method: &str, key: usize, fields: &[(&'static str, &str)]) {
        let uri = format!("http://h{}", PATHS[key]);
        let future = self.rig.cache.call(request(method, &uri, fields));
        self.calls.push((kind, PollCounter::new(Box::pin(future))));
    }

    fn invalidate(&mut self, what: What, soft: bool) {
        let uri = |path: &str| format!("http://h{path}").parse().expect("a URI");
        let mut version = 0;
        let invalidation = match what {
            What::Tag(key) => Invalidation::tag(format!("item:{key}")),
            What::Version(key, behind) => {
                version = self.origin.value(key).saturating_sub(behind);
                Invalidation::version(format!("item:{key}"), version)
            }
            What::Prefix => Invalidation::prefix("list:a:"),
            What::GlobPrefix => Invalidation::prefix("lis"),
            What::Glob(key) => Invalidation::glob(LISTS[key].replace("list", "*")),
            What::PathGlob => Invalidation::glob("/a/*"),
            What::Uri(key) => Invalidation::uri(uri(PATHS[key])),
            What::Folder => Invalidation::uri_prefix(uri("/a/")),
            What::Authority => Invalidation::authority("h"),
            What::Everything => Invalidation::everything(),
        };
        let versioned = matches!(what, What::Version(..));
        self.invalidator.invalidate(&if soft {
            invalidation.soft()
        } else {
            invalidation
        });
        let floors = &mut self.floors;
        for key in (0..KEYS).filter(|key| what.hits(*key)) {
            let value = self.origin.value(key);
            match (versioned, soft) {
                (true, _) => {
                    floors.version[key] = floors.version[key].max(version);
                    floors.hard[key] = floors.hard[key].max(version);
                }
                (false, true) => floors.soft[key] = value,
                (false, false) => floors.hard[key] = value,
            }
        }
    }

    fn poll(&mut self, which: usize) {
        if self.calls.is_empty() {
            return;
        }
        let which = which % self.calls.len();
        let Poll::Ready(answer) = self.calls[which].1.poll_now() else {
            return;
        };
        let (kind, _) = self.calls.swap_remove(which);
        // An origin that does not answer fails all waiting callers.
        let Ok(response) = answer else { return };
        let expected = match kind {
            Kind::Ask(asked) => asked.judge(&response),
            Kind::Post(key) => {
                // From here on its writer sees its own value.
                let value = response.headers()["x-value"].to_str().expect("a number");
                let value = value.parse().expect("a number");
                self.floors.hard[key] = self.floors.hard[key].max(value);
                None
            }
        };
        // The body is read to its end, as it may be stored.
        self.bodies.push(Reading {
            body: Box::pin(response.into_body()),
            got: Vec::new(),
            expected,
        });
    }

    fn frame(&mut self, which: usize) {
        if self.bodies.is_empty() {
            return;
        }
        let which = which % self.bodies.len();
        let reading = &mut self.bodies[which];
        let mut context = Context::from_waker(Waker::noop());
        match reading.body.as_mut().poll_frame(&mut context) {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                let data: Bytes = frame.into_data().unwrap_or_default();
                reading.got.extend_from_slice(&data);
            }
            // It broke off, as at the origin.
            Poll::Ready(Some(Err(_))) => drop(self.bodies.swap_remove(which)),
            Poll::Ready(None) => {
                let Reading { got, expected, .. } = self.bodies.swap_remove(which);
                if let Some(expected) = expected {
                    assert_eq!(String::from_utf8(got).expect("UTF-8"), expected);
                }
            }
        }
    }
}

/// Removes one item of a list, if there is any.
fn pick<T>(list: &mut Vec<T>, which: usize) -> Option<T> {
    (!list.is_empty()).then(|| list.swap_remove(which % list.len()))
}
