//! The engine under a scheduler that picks every step at random: callers join, leave, lose
//! their leader and land in all orders. A wake that got lost would be a deadlock, which the
//! scheduler reports.
//!
//! `SCRIMP_SCHEDULES` sets how many schedules each scenario is run with.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "the sources under test are compiled here, and use part of themselves"
)]

#[path = "../src/single_flight/mod.rs"]
mod single_flight;

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
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use scrimp_core::KeyBuf;
use shuttle::{
    Config, Runner,
    future::block_on,
    scheduler::{PctScheduler, RandomScheduler},
    thread,
};
use single_flight::{
    Admission, Call, Entry, Flight, FlightTable, Gate, Member, Others, Outcome, Request,
    Resolution, SharedResult, Turn,
};
use tokio::time::Instant;

#[derive(Clone)]
struct Value(usize);

impl Call for Box<Pending> {
    type Terms = Arc<FlightTable<Self>>;
    type Result = Value;
    type Own = Result<usize, ()>;

    fn table(terms: &Self::Terms) -> &FlightTable<Self> {
        terms
    }

    fn poll(&mut self, _: &Flight<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut signal = self.signal.lock();
        if signal.fired < 2 {
            signal.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn resolve(self, lone: bool, _: &Arc<Flight<Self>>) -> (Resolution<Self>, Option<Self>) {
        let resolution = match self.fails {
            false if !lone => Resolution::Shared {
                result: Value(self.number),
                open: false,
            },
            fails => Resolution::Own {
                own: if fails { Err(()) } else { Ok(self.number) },
                others: Others::Again,
            },
        };
        (resolution, Some(self))
    }

    fn max_panics(_: &Self::Terms) -> u32 {
        u32::MAX
    }
}

impl SharedResult for Value {
    type Copy = usize;

    fn copy(&self) -> Option<usize> {
        Some(self.0)
    }
}

/// An upstream whose calls are pending until a thread of their own wakes them, twice.
#[derive(Clone)]
struct Upstream {
    calls: Arc<AtomicUsize>,
    /// So many calls fail first.
    fail: usize,
}

struct Signal {
    fired: usize,
    waker: Option<Waker>,
}

struct Pending {
    number: usize,
    fails: bool,
    signal: Arc<sync::Mutex<Signal>>,
}

impl Upstream {
    fn call(&self) -> Box<Pending> {
        let number = self.calls.fetch_add(1, SeqCst);
        let signal = Arc::new(sync::Mutex::new(Signal {
            fired: 0,
            waker: None,
        }));
        let firing = Arc::clone(&signal);
        thread::spawn(move || {
            for _ in 0..2 {
                let waker = {
                    let mut signal = firing.lock();
                    signal.fired += 1;
                    signal.waker.take()
                };
                if let Some(waker) = waker {
                    waker.wake();
                }
                thread::yield_now();
            }
        });
        Box::new(Pending {
            number,
            fails: number < self.fail,
            signal,
        })
    }
}

/// One caller. It leaves after this many polls, if it has not got its answer by then.
fn caller(
    table: &Arc<FlightTable<Box<Pending>>>,
    upstream: &Upstream,
    leaves_after: Option<usize>,
) {
    let mut member: Option<Member<Box<Pending>>> = None;
    let mut polls = 0;
    block_on(poll_fn(|cx| {
        polls += 1;
        let leaves = leaves_after.is_some_and(|most| polls > most);
        let pending = || match leaves {
            true => Poll::Ready(()),
            false => Poll::Pending,
        };
        loop {
            let Some(place) = &mut member else {
                match enter(table, cx.waker()) {
                    Admission::Member {
                        member: place,
                        waits,
                    } => {
                        member = Some(place);
                        if waits {
                            return pending();
                        }
                    }
                    Admission::Copy(_) => return Poll::Ready(()),
                    _ => unreachable!("no limits"),
                }
                continue;
            };
            let outcome = match place.poll(cx) {
                Poll::Pending => return pending(),
                Poll::Ready(Outcome::Lead) => match place.launch(upstream.call(), cx) {
                    Poll::Pending if leaves_after == Some(0) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(outcome) => outcome,
                },
                Poll::Ready(outcome) => outcome,
            };
            match outcome {
                Outcome::Shared => {
                    let copy = place.result().and_then(SharedResult::copy);
                    assert!(copy.is_some(), "what has landed is there");
                    return Poll::Ready(());
                }
                Outcome::Own(_) => return Poll::Ready(()),
                // It takes part in a flight that has failed: it makes the next call.
                Outcome::Lead => unreachable!("a launched call leads nothing"),
                Outcome::Missed => member = None,
                Outcome::Alone | Outcome::Broken => unreachable!("nothing here says so"),
            }
        }
    }));
    drop(member);
}

fn enter(table: &Arc<FlightTable<Box<Pending>>>, waker: &Waker) -> Admission<Box<Pending>> {
    let mut key = KeyBuf::new();
    key.part(b"key");
    let request = Request {
        key: key.as_ref(),
        max_members: usize::MAX,
        waker,
    };
    table.enter(&request, Instant::now, |_| true, || Arc::clone(table))
}

/// These callers, each in a thread. Ends with the table empty, whoever came and left when.
fn scenario(leaves: &[Option<usize>], fail: usize) {
    let table = Arc::new(FlightTable::new(8));
    let upstream = Upstream {
        calls: Arc::default(),
        fail,
    };
    let callers: Vec<_> = leaves
        .iter()
        .map(|&leaves_after| {
            let (table, upstream) = (Arc::clone(&table), upstream.clone());
            thread::spawn(move || caller(&table, &upstream, leaves_after))
        })
        .collect();
    for caller in callers {
        caller.join().expect("no caller panics");
    }
    assert_eq!(table.len(), 0, "an entry is left");
    let calls = upstream.calls.load(SeqCst);
    assert!(
        (1..=leaves.len()).contains(&calls),
        "{calls} calls for {} callers",
        leaves.len()
    );
}

/// These callers at a gate, each in a thread. Those of whom it is said leave when it is their
/// turn; the others end it. Ends with no caller at the gate.
fn turns(leave: &[bool]) {
    let gate = Arc::new(Gate::new());
    let callers: Vec<_> = leave
        .iter()
        .map(|&leaves| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                let mut key = KeyBuf::new();
                key.part(b"key");
                let turn = match gate.enter(key.as_ref()) {
                    Entry::Lead(lead) => Turn::Lead(lead),
                    Entry::Wait(wait) => block_on(wait),
                };
                thread::yield_now();
                match turn {
                    Turn::Lead(lead) if leaves => drop(lead),
                    Turn::Lead(lead) => lead.end(()),
                    Turn::Result(()) => {}
                }
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("no caller panics");
    }
    assert!(gate.is_empty(), "an entry is left");
}

fn explore(leaves: &'static [Option<usize>], fail: usize) {
    let ran = under_schedules(move || scenario(leaves, fail));
    println!("{ran} schedules of {leaves:?}, {fail} of whose calls fail");
}

fn under_schedules(scenario: impl Fn() + Send + Sync + Copy + 'static) -> usize {
    let text = std::env::var("SCRIMP_SCHEDULES").ok();
    let schedules: usize = text.and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let mut config = Config::new();
    config.silence_warnings = true;
    let half = schedules.div_ceil(2);
    let random = RandomScheduler::new(half);
    let ran = Runner::new(random, config.clone()).run(scenario);
    let few = PctScheduler::new(4, half);
    ran + Runner::new(few, config).run(scenario)
}

#[test]
fn callers_that_join_while_it_lands_all_get_an_answer() {
    explore(&[None, None, None], 0);
}

#[test]
fn a_leader_that_leaves_at_any_time_costs_nobody_the_answer() {
    explore(&[Some(0), None, None], 0);
    explore(&[Some(1), Some(0), None], 0);
}

#[test]
fn when_all_leave_nothing_is_left() {
    explore(&[Some(0), Some(1), Some(0)], 0);
}

#[test]
fn after_a_failure_one_of_those_who_stay_makes_the_next_call() {
    explore(&[None, None, None], 1);
    explore(&[Some(0), None, Some(1)], 1);
}

#[test]
fn a_turn_that_is_given_up_is_taken_by_one_that_waits() {
    for leave in [[true, false, false], [true, true, false], [true; 3]] {
        under_schedules(move || turns(&leave));
    }
}
