//! Cost that batching adds to a request.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep},
};

use crate::{
    batchers::{
        Ask, BatchAintOne, DataloaderRs, GraphQl, Scrimp, ScrimpFixed, TowerBatch,
        TowerBatchControl, UltraBatch,
    },
    report::Report,
    timing::{cpu_time, median},
};

const BENCH: &str = "batch";
/// Collecting time of the subjects that have a window to set.
const WINDOW: Duration = Duration::from_millis(5);
const CALLERS: u64 = 256;
const AT_ONCE: u64 = 1_000;

/// Amounts of work.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Items sent through one scrimp service at the end, to observe its memory.
    #[arg(long, default_value_t = 10_000_000)]
    items: u64,
}

pub(crate) fn run(options: &Options, rounds: usize, report: &mut Report) {
    macro_rules! each {
        ($measure:ident($($argument:expr),*)) => {
            $measure::<Scrimp>($($argument,)* report);
            $measure::<ScrimpFixed>($($argument,)* report);
            $measure::<BatchAintOne>($($argument,)* report);
            $measure::<TowerBatch>($($argument,)* report);
            $measure::<TowerBatchControl>($($argument,)* report);
            $measure::<UltraBatch>($($argument,)* report);
            $measure::<DataloaderRs>($($argument,)* report);
            $measure::<GraphQl>($($argument,)* report);
        };
    }
    each!(lone(rounds));
    each!(at_once(rounds));
    each!(throughput());
    each!(trickle());
    memory(options.items, report);
}

fn threads(count: usize) -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(count)
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

fn one_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Measures one caller with one request at a time.
fn lone<A: Ask>(rounds: usize, report: &mut Report) {
    let times = threads(2).block_on(async {
        let subject = A::make(WINDOW);
        let task = tokio::spawn(async move {
            let mut times = Vec::new();
            for number in 0..rounds as u64 * 3 {
                let start = Instant::now();
                assert_eq!(subject.ask(number).await, Some(number));
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
            times
        });
        task.await.expect("no panic")
    });
    report.add(BENCH, A::NAME, "lone caller, p50", median(times), "µs");
}

/// Measures a thousand requests at once on one thread: CPU time of each.
fn at_once<A: Ask>(rounds: usize, report: &mut Report) {
    let times = one_thread().block_on(async {
        let subject = A::make(WINDOW);
        let mut times = Vec::new();
        for _ in 0..rounds {
            let start = cpu_time();
            let calls = (0..AT_ONCE).map(|number| subject.ask(number));
            let answers = join_all(calls).await;
            times.push((cpu_time() - start) / AT_ONCE as f64 / 1e3);
            assert!((0..).zip(answers).all(|(n, answer)| answer == Some(n)));
        }
        times
    });
    report.add(
        BENCH,
        A::NAME,
        "1,000 at once, CPU each",
        median(times),
        "µs",
    );
}

/// Measures 256 callers that repeat as soon as they have a response, on two threads.
fn throughput<A: Ask>(report: &mut Report) {
    const EACH: u64 = 2_000;
    let mut rates: Vec<f64> = (0..5)
        .map(|_| {
            threads(2).block_on(async {
                let subject = A::make(WINDOW);
                let start = Instant::now();
                let tasks = (0..CALLERS).map(|caller| {
                    let subject = subject.clone();
                    tokio::spawn(async move {
                        for n in 0..EACH {
                            let number = caller * EACH + n;
                            assert_eq!(subject.ask(number).await, Some(number));
                        }
                    })
                });
                join_all(tasks).await;
                (CALLERS * EACH) as f64 / start.elapsed().as_secs_f64() / 1e3
            })
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    report.add(BENCH, A::NAME, "256 callers, best of 5", rates[4], "k/s");
}

/// Measures the longest wait for a request every 2 ms and a window of 10 ms.
fn trickle<A: Ask>(report: &mut Report) {
    let longest = threads(2).block_on(async {
        let subject = A::make(Duration::from_millis(10));
        let mut tasks = Vec::new();
        for number in 0..300 {
            let subject = subject.clone();
            tasks.push(tokio::spawn(async move {
                let start = Instant::now();
                subject.ask(number).await;
                start.elapsed()
            }));
            sleep(Duration::from_millis(2)).await;
        }
        let waits = join_all(tasks).await.into_iter().flatten();
        waits.max().unwrap_or_default().as_secs_f64() * 1e3
    });
    report.add(
        BENCH,
        A::NAME,
        "trickle, window 10 ms, longest wait",
        longest,
        "ms",
    );
}

/// Measures whether memory grows with the number of items.
fn memory(items: u64, report: &mut Report) {
    let (early, late) = threads(2).block_on(async {
        let subject = Scrimp::make(WINDOW);
        let push = |count: u64| {
            let tasks = (0..CALLERS).map(|_| {
                let subject = subject.clone();
                tokio::spawn(async move {
                    for number in 0..count / CALLERS {
                        subject.ask(number).await;
                    }
                })
            });
            join_all(tasks)
        };
        push(items / 10).await;
        let early = resident();
        push(items - items / 10).await;
        (early, resident())
    });
    report.add(
        BENCH,
        "scrimp",
        "resident after a tenth of the items",
        early,
        "MiB",
    );
    report.add(BENCH, "scrimp", "resident after all items", late, "MiB");
}

/// Returns the resident memory, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
