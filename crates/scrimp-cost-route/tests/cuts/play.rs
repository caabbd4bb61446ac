//! Streams played to a router, and the bills of those that are cut.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_core::{Currency, Dimension, Ledger, extensions::Tenant};
use scrimp_cost_route::{CostRouteLayer, Provider, Rate, RequestBody, Tariff, TokenRates, Usage};
use tokio::time::{Sleep, sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    Corpus, Lengths, cuts,
    forms::{Form, Script, THOUGHTS_A_SECOND},
};

/// Prices in dollars per million tokens.
const PRICES: (f64, f64) = (2.5, 10.0);

/// Way in which streams are played.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) drain: f64,
    pub(crate) bills_to_end: bool,
    pub(crate) seed: u64,
}

/// Bills of streams that were cut.
#[derive(Debug, Default)]
pub(crate) struct Bills {
    pub(crate) cuts: usize,
    pub(crate) drained: usize,
    booked: f64,
    billed: f64,
    /// Tokens of the answers, as they were booked and as they were generated.
    tokens: [u64; 2],
}

/// Body that is sent event by event, and counts them.
pub(crate) struct Stream {
    events: std::vec::IntoIter<(Bytes, u64)>,
    /// Pause before the first text, and the number of events before it.
    pause: Option<(usize, Pin<Box<Sleep>>)>,
    sent: Arc<AtomicUsize>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            drain: 0.1,
            bills_to_end: false,
            seed: 21,
        }
    }
}

impl Bills {
    /// Returns the error of the bill, in parts in a hundred.
    pub(crate) fn error(&self) -> f64 {
        (self.booked / self.billed - 1.0) * 100.0
    }

    /// Returns the error of the answers' tokens, in parts in a hundred.
    pub(crate) fn error_of_answers(&self) -> f64 {
        let [booked, generated] = self.tokens;
        (booked as f64 / generated as f64 - 1.0) * 100.0
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.drained += other.drained;
        self.booked += other.booked;
        self.billed += other.billed;
        for (sum, tokens) in self.tokens.iter_mut().zip(other.tokens) {
            *sum += tokens;
        }
    }
}

impl fmt::Display for Bills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cuts, {} drained: billed ${:.4}, booked {:+.2} %; {} tokens of answers, booked {:+.2} %",
            self.cuts,
            self.drained,
            self.billed,
            self.error(),
            self.tokens[1],
            self.error_of_answers()
        )
    }
}

impl Stream {
    fn new(script: Script, sent: Arc<AtomicUsize>) -> Self {
        let before = script.events.iter().take_while(|(_, tokens)| *tokens == 0);
        let pause = (before.count(), Box::pin(sleep(script.silence)));
        Self {
            pause: (!script.silence.is_zero()).then_some(pause),
            events: script.events.into_iter(),
            sent,
        }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let sent = self.sent.load(Relaxed);
        if let Some((_, pause)) = self.pause.as_mut().filter(|(before, _)| *before == sent) {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let event = self.events.next();
        self.sent.fetch_add(usize::from(event.is_some()), Relaxed);
        Poll::Ready(event.map(|(event, _)| Ok(Frame::data(event))))
    }
}

/// Plays streams of a form: every second one is cut at any of its events.
pub(crate) fn play(form: Form, plan: &Plan, texts: &[Corpus], lengths: &[Lengths]) -> Bills {
    fastrand::seed(plan.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run(form, plan, texts, lengths))
}

async fn run(form: Form, plan: &Plan, texts: &[Corpus], lengths: &[Lengths]) -> Bills {
    let rate = |dollars: f64| Rate::per(dollars.to_string().as_str(), 1_000_000);
    let rates = TokenRates::text(rate(PRICES.0), rate(PRICES.1));
    let provider = Provider::new("p")
        .endpoint("http://p")
        .price(Tariff::new(Currency::USD).tokens(rates))
        .bills_to_end(plan.bills_to_end);
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder([provider])
        .ledger(ledger.clone())
        .drain(plan.drain)
        .estimate(|head, _| {
            let bytes = head.headers["x-bytes"].to_str().unwrap().parse::<u64>();
            Usage::text(bytes.unwrap().div_ceil(4), 0)
        })
        .build()
        .unwrap();
    let next: Arc<Mutex<Option<Stream>>> = Arc::default();
    let client = service_fn({
        let next = Arc::clone(&next);
        move |_: Request<RequestBody<Full<Bytes>>>| {
            let mut response = Response::new(next.lock().take().expect("a stream to play"));
            let kind = "text/event-stream".parse().unwrap();
            response.headers_mut().insert("content-type", kind);
            async { Ok::<_, Infallible>(response) }
        }
    });
    let service = layer.layer(client);
    let mut bills = Bills::default();
    let mut turn = 0_usize;
    while bills.cuts < cuts() {
        let Lengths { prompt, answer } = lengths[fastrand::usize(..lengths.len())];
        let thoughts = lengths[fastrand::usize(..lengths.len())].answer;
        turn += 1;
        let text = &texts[fastrand::usize(..texts.len())];
        let script = form.script(prompt, thoughts, text.take(answer.max(1)));
        let tokens: Vec<u64> = script.events.iter().map(|(_, tokens)| *tokens).collect();
        let (silence, sent) = (script.silence, Arc::new(AtomicUsize::new(0)));
        *next.lock() = Some(Stream::new(script, Arc::clone(&sent)));
        let cut = turn.is_multiple_of(2);
        let request = Request::post("/v1/chat/completions")
            .header("x-bytes", text.bytes(prompt) + 200)
            .extension(Tenant::from(if cut { "cut" } else { "whole" }))
            .body(Full::default());
        let response = service.clone().oneshot(request.unwrap()).await.unwrap();
        let mut body = response.into_body();
        if !cut {
            body.collect().await.unwrap();
            continue;
        }
        let mut waited = Duration::ZERO;
        for _ in 0..fastrand::usize(1..=tokens.len()) {
            // A reader may leave while the model thinks.
            let patience = silence.mul_f64(fastrand::f64() * 4.0);
            let Ok(frame) = timeout(patience.max(Duration::from_nanos(1)), body.frame()).await
            else {
                waited = patience;
                break;
            };
            drop(frame.expect("an event"));
        }
        drop(body);
        let before = sent.load(Relaxed);
        tokio::time::sleep(Duration::from_secs(200)).await;
        let after = sent.load(Relaxed);
        let seen = match plan.bills_to_end {
            true => tokens.len(),
            false => after,
        };
        let answer = match tokens[seen - 1] {
            // Thoughts go on for as long as the reader stays.
            0 if form == Form::Thinking => (waited.as_secs_f64() * THOUGHTS_A_SECOND as f64) as u64,
            tokens => tokens,
        };
        bills.cuts += 1;
        bills.drained += usize::from(after > before);
        bills.tokens[1] += answer;
        bills.billed += (answer as f64 * PRICES.1 + prompt as f64 * PRICES.0) / 1e6;
    }
    let by = ledger.totals_by(Dimension::Tenant);
    bills.booked = by["cut"].spent.get(Currency::USD).as_f64();
    let lines = ledger.lines();
    let cut = lines.iter().filter(|line| &*line.tenant == "cut");
    bills.tokens[0] = cut.map(|line| line.tokens_out).sum();
    let drained = usize::try_from(layer.stats().drained).unwrap();
    assert!(drained >= bills.drained, "{drained} {bills}");
    bills.drained = drained;
    bills
}
