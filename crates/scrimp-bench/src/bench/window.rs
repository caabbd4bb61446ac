//! Cost of a window: calls and waiting, in money.

use std::{convert::Infallible, future::ready, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Exp};
use scrimp_batch::{BatchWindow, GroupLayer};
use scrimp_core::Money;
use tokio::time::{Instant, sleep_until};
use tower::{Layer, ServiceExt, service_fn};

use crate::report::Report;

/// Cost in dollars of a call, and of one second that one request waits.
const CALL: f64 = 0.0005;
const WAITING: f64 = 0.005;
const RATES: [f64; 9] = [1.0, 3.0, 10.0, 30.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];
const ITEMS: usize = 100;
/// Windows for the comparison in hindsight, in milliseconds.
const FIXED: [f64; 14] = [
    0.0, 1.0, 2.0, 4.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 250.0,
];

pub(crate) fn run(rounds: usize, report: &mut Report) {
    let requests = rounds * 100;
    for bursty in [false, true] {
        let (mut ours, mut best) = (0.0, 0.0);
        for rate in RATES {
            let arrivals = arrivals(rate, bursty, requests);
            let economic = economic(&arrivals);
            let fixed = |window: f64| fixed(&arrivals, window / 1e3);
            let hindsight = FIXED
                .iter()
                .map(|window| fixed(*window))
                .fold(f64::MAX, f64::min);
            let kind = if bursty { "bursts" } else { "Poisson" };
            let subject = format!("{kind}, {rate:.0}/s");
            report.add("window", &subject, "economic", economic, "µ$");
            report.add(
                "window",
                &subject,
                "best fixed in hindsight",
                hindsight,
                "µ$",
            );
            report.add("window", &subject, "fixed, 50 ms", fixed(50.0), "µ$");
            report.add(
                "window",
                &subject,
                "economic / best",
                economic / hindsight * 100.0,
                "%",
            );
            ours += economic;
            best += hindsight;
        }
        let kind = if bursty {
            "bursts, all rates"
        } else {
            "Poisson, all rates"
        };
        report.add("window", kind, "economic / best", ours / best * 100.0, "%");
    }
}

/// Returns arrival times in seconds: a Poisson process. If it is bursty, its rate is nine times as
/// high for a tenth of the time as for the rest.
fn arrivals(rate: f64, bursty: bool, count: usize) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(7);
    let mut exp = |rate: f64| Exp::new(rate).map_or(1.0, |exp| exp.sample(&mut random));
    let (mut now, mut times) = (0.0, Vec::with_capacity(count));
    let (low, high) = (rate / 1.8, rate * 5.0);
    let (mut busy, mut until) = (false, exp(1.0 / 4.5));
    while times.len() < count {
        let current = match (bursty, busy) {
            (false, _) => rate,
            (true, false) => low,
            (true, true) => high,
        };
        let next = now + exp(current);
        if bursty && next > until {
            now = until;
            busy = !busy;
            until = now + exp(if busy { 1.0 / 0.5 } else { 1.0 / 4.5 });
            continue;
        }
        now = next;
        times.push(now);
    }
    times
}

/// Returns millionths of a dollar per request, for these calls and this waiting in seconds.
fn cost(calls: usize, waiting: f64, requests: usize) -> f64 {
    (calls as f64 * CALL + waiting * WAITING) / requests as f64 * 1e6
}

/// Computes the cost of a fixed window.
fn fixed(arrivals: &[f64], window: f64) -> f64 {
    let (mut calls, mut waiting, mut first) = (0, 0.0, 0);
    while first < arrivals.len() {
        let due = arrivals[first] + window;
        let mut end = first + 1;
        while end < arrivals.len() && arrivals[end] <= due && end - first < ITEMS {
            end += 1;
        }
        let leaves = if end - first == ITEMS {
            arrivals[end - 1]
        } else {
            due
        };
        waiting += arrivals[first..end]
            .iter()
            .map(|at| leaves - at)
            .sum::<f64>();
        calls += 1;
        first = end;
    }
    cost(calls, waiting, arrivals.len())
}

/// Measures the economic window: the real layer, in virtual time.
fn economic(arrivals: &[f64]) -> f64 {
    let money = |dollars: f64| format!("{dollars}").parse::<Money>().unwrap_or(Money::ZERO);
    let window = BatchWindow::economic(money(CALL), money(WAITING), BatchWindow::DEFAULT_MOST);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        let calls = Arc::new(Mutex::new(0));
        let count = Arc::clone(&calls);
        let upstream = service_fn(move |items: Vec<Instant>| {
            *count.lock() += 1;
            let now = Instant::now();
            let waits = items.iter().map(|since| now - *since);
            ready(Ok::<_, Infallible>(waits.collect::<Vec<Duration>>()))
        });
        let service = GroupLayer::builder()
            .window(window)
            .max_items(ITEMS)
            .build()
            .unwrap()
            .layer(upstream);
        let start = Instant::now();
        let mut tasks = Vec::with_capacity(arrivals.len());
        for at in arrivals {
            let at = start + Duration::from_secs_f64(*at);
            sleep_until(at).await;
            // The delay of the timer is not part of the window.
            tasks.push(tokio::spawn(service.clone().oneshot(Instant::now())));
        }
        let mut waiting = 0.0;
        for task in tasks {
            waiting += task
                .await
                .expect("no panic")
                .unwrap_or_default()
                .as_secs_f64();
        }
        let calls = *calls.lock();
        cost(calls, waiting, arrivals.len())
    })
}
