//! The engine under a scheduler that picks every step at random: callers join, leave, lose
//! their leader and land in all orders. A wake that got lost would be a deadlock, which the
//! scheduler reports.
//!
//! `SCRIMP_SCHEDULES` sets how many schedules each scenario is run with.

#![allow(
    dead_code,
    reason = "the sources under test are compiled here, and use part of themselves"
)]

#[path = "../src/flight/mod.rs"]
mod flight;
#[path = "../src/table.rs"]
mod table;
#[path = "../src/wakers.rs"]
mod wakers;

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
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use flight::{Arrival, Cargo, Flight, Landing, Member, Others, Outcome};
use scrimp_core::KeyBuf;
use shuttle::{
    Config, Runner,
    future::block_on,
    scheduler::{PctScheduler, RandomScheduler},
    thread,
};
use table::{Entry, Request, Table};
use tokio::time::Instant;

/// What a call comes back with: a value, or a failure that another may better.
struct Came(Result<usize, ()>);

#[derive(Clone)]
struct Value(usize);

impl Arrival for Came {
    type Terms = Arc<Table<Self>>;
    type Call = Pin<Box<Pending>>;
    type Cargo = Value;
    type Own = Result<usize, ()>;

    fn table(terms: &Self::Terms) -> &Table<Self> {
        terms
    }

    fn poll(call: &mut Self::Call, _: &Flight<Self>, cx: &mut Context<'_>) -> Poll<Self> {
        call.as_mut().poll(cx)
    }

    fn land(
        self,
        call: Self::Call,
        lone: bool,
        _: &Arc<Flight<Self>>,
    ) -> (Landing<Self>, Option<Self::Call>) {
        let landing = match self.0 {
            Ok(value) if !lone => Landing::Shared {
                cargo: Value(value),
                open: false,
            },
            own => Landing::Own {
                own,
                others: Others::Again,
            },
        };
        (landing, Some(call))
    }

    fn most_panics(_: &Self::Terms) -> u32 {
        u32::MAX
    }
}

impl Cargo for Value {
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
    fn call(&self) -> Pin<Box<Pending>> {
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
        Box::pin(Pending {
            number,
            fails: number < self.fail,
            signal,
        })
    }
}

impl Future for Pending {
    type Output = Came;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Came> {
        let mut signal = self.signal.lock();
        if signal.fired < 2 {
            signal.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Came(match self.fails {
            true => Err(()),
            false => Ok(self.number),
        }))
    }
}

/// One caller. It leaves after so many polls, if it has not got its answer by then.
fn caller(table: &Arc<Table<Came>>, upstream: &Upstream, leaves_after: Option<usize>) {
    let mut member: Option<Member<Came>> = None;
    let mut polls = 0;
    block_on(poll_fn(|cx| {
        polls += 1;
        loop {
            let outcome = match &mut member {
                Some(member) => match member.poll(cx) {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending if leaves_after.is_some_and(|most| polls > most) => {
                        return Poll::Ready(());
                    }
                    Poll::Pending => return Poll::Pending,
                },
                None => match enter(table, cx.waker()) {
                    Entry::Lead(lead) => {
                        member = Some(lead);
                        Outcome::Lead
                    }
                    Entry::Join {
                        member: join,
                        waits,
                    } => {
                        member = Some(join);
                        match waits {
                            true if leaves_after.is_some_and(|most| polls > most) => {
                                return Poll::Ready(());
                            }
                            true => return Poll::Pending,
                            false => continue,
                        }
                    }
                    Entry::Copy(_) => return Poll::Ready(()),
                    Entry::Barred | Entry::Crowded | Entry::Full => unreachable!("no limits"),
                },
            };
            let outcome = match (outcome, &mut member) {
                (Outcome::Lead, Some(member)) => match member.launch(upstream.call(), cx) {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending if leaves_after == Some(0) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                },
                (outcome, _) => outcome,
            };
            match outcome {
                Outcome::Landed => {
                    let copy = member
                        .as_ref()
                        .and_then(Member::cargo)
                        .and_then(Cargo::copy);
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

fn enter(table: &Arc<Table<Came>>, waker: &Waker) -> Entry<Came> {
    let mut key = KeyBuf::new();
    key.part(b"key");
    let request = Request {
        key: key.as_ref(),
        most: usize::MAX,
        waker,
    };
    table.enter(&request, Instant::now, |_| true, || Arc::clone(table))
}

/// These callers, each in a thread. Ends with the table empty, whoever came and left when.
fn scenario(leaves: &[Option<usize>], fail: usize) {
    let table = Arc::new(Table::new(8));
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

fn explore(leaves: &'static [Option<usize>], fail: usize) {
    let text = std::env::var("SCRIMP_SCHEDULES").ok();
    let schedules: usize = text.and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let mut config = Config::new();
    config.silence_warnings = true;
    let half = schedules.div_ceil(2);
    let random = RandomScheduler::new(half);
    let ran = Runner::new(random, config.clone()).run(move || scenario(leaves, fail));
    let few = PctScheduler::new(4, half);
    let ran = ran + Runner::new(few, config).run(move || scenario(leaves, fail));
    println!("{ran} schedules of {leaves:?}, {fail} of whose calls fail");
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
