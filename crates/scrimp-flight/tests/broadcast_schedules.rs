//! The log of a broadcast under a scheduler that picks every step at random: readers read, come
//! late and leave, and a pump reads ahead or goes, while the source is woken. A wake that got
//! lost would be a deadlock, which the scheduler reports.
//!
//! `SCRIMP_SCHEDULES` sets how many schedules each scenario is run with.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "the sources under test are compiled here, and use part of themselves"
)]

#[path = "../src/broadcast/mod.rs"]
mod broadcast;
#[path = "../src/budget.rs"]
mod budget;

/// The lock of the scheduler, under the name the sources know.
mod sync {
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
            self.0.lock().expect("a panic ends the schedule")
        }
    }
}

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use broadcast::{Broadcast, Channel, End, Pump, Pumped, Reader, Stop};
use budget::MemoryBudget;
use bytes::Bytes;
use shuttle::{
    Config, Runner,
    future::block_on,
    scheduler::{PctScheduler, RandomScheduler},
    thread,
};

/// Chunks of a source, each of which comes after a wake of its own.
const CHUNKS: usize = 2;

/// A source whose chunks are announced by a thread.
struct Feed(Arc<sync::Mutex<Signal>>);

#[derive(Default)]
struct Signal {
    announced: usize,
    given: usize,
    waker: Option<Waker>,
}

struct Terms(Arc<MemoryBudget>);

#[derive(Clone)]
struct Over;

/// Time that a caller stays.
#[derive(Debug, Clone, Copy)]
enum Stays {
    ToTheEnd,
    /// It leaves at this poll, if it has not come to the end by then.
    For(usize),
}

impl Channel for Terms {
    type Source = Feed;
    type End = Over;

    fn poll(feed: &mut Feed, cx: &mut Context<'_>) -> Poll<(Bytes, Option<Over>)> {
        let mut signal = feed.0.lock();
        if signal.given == CHUNKS {
            return Poll::Ready((Bytes::new(), Some(Over)));
        }
        if signal.given == signal.announced {
            signal.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        signal.given += 1;
        Poll::Ready((Bytes::from_static(b"chunk"), None))
    }

    fn lost() -> Over {
        Over
    }

    fn budget(&self) -> Option<&MemoryBudget> {
        Some(&self.0)
    }

    fn max_bytes(&self) -> usize {
        1 << 20
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }
}

impl End for Over {
    fn is_silent(&self) -> bool {
        true
    }

    fn is_sound(&self) -> bool {
        true
    }

    fn tell(&mut self) -> Self {
        Self
    }
}

/// A source, and the thread that announces this many of its chunks.
fn feed(chunks: usize) -> (Feed, thread::JoinHandle<()>) {
    let signal = Arc::new(sync::Mutex::new(Signal::default()));
    let announcing = Arc::clone(&signal);
    let announcer = thread::spawn(move || {
        for _ in 0..chunks {
            let waker = {
                let mut signal = announcing.lock();
                signal.announced += 1;
                signal.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
            thread::yield_now();
        }
    });
    (Feed(signal), announcer)
}

impl Stays {
    fn has_left(self, polls: usize) -> bool {
        matches!(self, Self::For(most) if polls >= most)
    }
}

/// Reads to the end, or leaves before.
fn read(mut reader: Reader<Terms>, stays: Stays) {
    let (mut chunks, mut polls) = (0, 0);
    block_on(poll_fn(|cx| {
        loop {
            if stays.has_left(polls) {
                return Poll::Ready(());
            }
            polls += 1;
            match reader.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(_)) => chunks += 1,
                Poll::Ready(Err(Stop::Over)) => {
                    assert_eq!(chunks, CHUNKS, "a chunk is missing");
                    return Poll::Ready(());
                }
                Poll::Ready(Err(_)) => panic!("it keeps up"),
            }
        }
    }));
}

/// Pumps to the end or until its reader has gone, or goes before.
fn pump(mut pump: Pump<Terms>, stays: Stays) {
    let mut polls = 0;
    block_on(poll_fn(|cx| {
        loop {
            if stays.has_left(polls) {
                return Poll::Ready(());
            }
            polls += 1;
            match pump.poll(cx) {
                Pumped::Again => {}
                Pumped::Pending => return Poll::Pending,
                Pumped::Over | Pumped::Alone => return Poll::Ready(()),
                Pumped::Full => panic!("there is room"),
            }
        }
    }));
}

fn readers(stay: &[Stays]) {
    let budget = Arc::new(MemoryBudget::new(1 << 20));
    let (feed, announcer) = feed(CHUNKS);
    let source = Broadcast::new(Terms(Arc::clone(&budget)), VecDeque::new(), feed);
    let readers: Vec<_> = stay
        .iter()
        .map(|&stays| {
            let reader = Reader::new(&source).expect("it is open");
            thread::spawn(move || read(reader, stays))
        })
        .collect();
    source.settled();
    // A late comer, if all of it is here still.
    if let Some(late) = Reader::new(&source) {
        read(late, Stays::ToTheEnd);
    }
    for reader in readers {
        reader.join().expect("no reader panics");
    }
    drop(source);
    // It holds on to what it is to wake.
    announcer.join().expect("the announcer does not panic");
    assert_eq!(budget.held(), 0, "memory is given back");
}

fn ahead(reads: Stays, pumps: Stays, chunks: usize) {
    let budget = Arc::new(MemoryBudget::new(1 << 20));
    let (feed, announcer) = feed(chunks);
    let (pumping, reader) = Broadcast::ahead(Terms(Arc::clone(&budget)), feed);
    let pumping = thread::spawn(move || pump(pumping, pumps));
    read(reader, reads);
    pumping.join().expect("the pump does not panic");
    announcer.join().expect("the announcer does not panic");
    assert_eq!(budget.held(), 0, "memory is given back");
}

fn under_schedules(scenario: impl Fn() + Send + Sync + Copy + 'static) {
    let text = std::env::var("SCRIMP_SCHEDULES").ok();
    let schedules: usize = text.and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let mut config = Config::new();
    config.silence_warnings = true;
    let half = schedules.div_ceil(2);
    let random = RandomScheduler::new(half);
    let ran = Runner::new(random, config.clone()).run(scenario);
    let few = PctScheduler::new(3, half);
    let ran = ran + Runner::new(few, config).run(scenario);
    println!("{ran} schedules");
}

use Stays::{For, ToTheEnd};

#[test]
fn all_who_stay_read_all() {
    under_schedules(|| readers(&[ToTheEnd, ToTheEnd]));
}

#[test]
fn one_that_leaves_at_any_time_takes_no_wake_along() {
    for polls in 0..4 {
        under_schedules(move || readers(&[For(polls), ToTheEnd]));
    }
}

#[test]
fn what_all_have_left_is_dropped() {
    under_schedules(|| readers(&[For(1), For(2)]));
}

#[test]
fn a_pump_brings_all_to_its_reader() {
    under_schedules(|| ahead(ToTheEnd, ToTheEnd, CHUNKS));
}

#[test]
fn a_pump_that_goes_at_any_time_leaves_all_to_its_reader() {
    for polls in 0..4 {
        under_schedules(move || ahead(ToTheEnd, For(polls), CHUNKS));
    }
}

#[test]
fn a_pump_hears_at_any_time_that_its_reader_has_gone() {
    for polls in 0..3 {
        under_schedules(move || ahead(For(polls), ToTheEnd, CHUNKS));
    }
    // Of a source that says nothing, it hears it from the reader alone.
    for chunks in 0..CHUNKS {
        under_schedules(move || ahead(For(chunks), ToTheEnd, chunks));
    }
}
