//! A source that plays a script, and ways to poll by hand.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use scrimp_flight::{
    Broadcast, MemoryBudget,
    broadcast::{Channel, End, Reader, Stop},
};

/// Next step of a [`Script`].
#[derive(Debug, Clone)]
pub enum Step {
    Chunk(&'static str),
    /// Pending until [`Tape::wake`].
    Wait,
    Panic,
    Fail,
    /// Ends well, but the channel panics when it is told.
    EndAndPanic,
}

/// End of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Well,
    Failed,
    Lost,
    /// Well, with a panic of the channel.
    Panicked,
}

/// Plays its steps, and then ends well.
#[derive(Debug)]
pub struct Script(Arc<Mutex<(VecDeque<Step>, Option<Waker>)>>, Arc<AtomicBool>);

/// The other end of a [`Script`].
#[derive(Debug, Clone)]
pub struct Tape(Arc<Mutex<(VecDeque<Step>, Option<Waker>)>>, Arc<AtomicBool>);

/// The terms of the tests, and what they have noted.
#[derive(Debug)]
pub struct Terms {
    pub budget: MemoryBudget,
    pub max_bytes: usize,
    pub closed: AtomicUsize,
    pub whole: Mutex<Option<usize>>,
}

pub type Source = Broadcast<Terms>;

impl Tape {
    /// Goes on after a [`Step::Wait`].
    pub fn wake(&self) {
        let mut script = self.0.lock();
        assert!(matches!(script.0.pop_front(), Some(Step::Wait)));
        let waker = script.1.take();
        drop(script);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Returns true once the script has been dropped.
    pub fn is_dropped(&self) -> bool {
        self.1.load(SeqCst)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.1.store(true, SeqCst);
    }
}

/// A script, and its other end.
pub fn script(steps: &[Step]) -> (Script, Tape) {
    let steps = Arc::new(Mutex::new((steps.iter().cloned().collect(), None)));
    let dropped = Arc::new(AtomicBool::new(false));
    (
        Script(Arc::clone(&steps), Arc::clone(&dropped)),
        Tape(steps, dropped),
    )
}

pub fn terms(max_bytes: usize, budget: usize) -> Terms {
    Terms {
        budget: MemoryBudget::new(budget),
        max_bytes,
        closed: AtomicUsize::new(0),
        whole: Mutex::new(None),
    }
}

impl Channel for Terms {
    type Source = Script;
    type End = Ended;

    fn poll(source: &mut Script, cx: &mut Context<'_>) -> Poll<(Bytes, Option<Ended>)> {
        let mut script = source.0.lock();
        if let Some(Step::Wait) = script.0.front() {
            script.1 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let step = script.0.pop_front();
        drop(script);
        Poll::Ready(match step {
            None => (Bytes::new(), Some(Ended::Well)),
            Some(Step::Fail) => (Bytes::new(), Some(Ended::Failed)),
            Some(Step::Chunk(chunk)) => (Bytes::from_static(chunk.as_bytes()), None),
            Some(Step::EndAndPanic) => (Bytes::new(), Some(Ended::Panicked)),
            Some(Step::Panic) => panic!("the script says so"),
            Some(Step::Wait) => unreachable!("looked at above"),
        })
    }

    fn lost() -> Ended {
        Ended::Lost
    }

    fn budget(&self) -> Option<&MemoryBudget> {
        Some(&self.budget)
    }

    fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn closed(&self) {
        self.closed.fetch_add(1, SeqCst);
    }

    fn ended(broadcast: &Arc<Broadcast<Self>>, end: &Ended, whole: Option<usize>) -> bool {
        assert_ne!(*end, Ended::Panicked, "the script says so");
        *broadcast.channel().whole.lock() = whole;
        false
    }
}

impl End for Ended {
    fn is_silent(&self) -> bool {
        matches!(self, Self::Well | Self::Panicked)
    }

    fn is_sound(&self) -> bool {
        self.is_silent()
    }

    fn tell(&mut self) -> Self {
        self.clone()
    }
}

/// Counts its wakes.
#[derive(Debug, Default)]
pub struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Wakes {
    /// Returns the number of wakes since the last call.
    pub fn take(&self) -> usize {
        self.0.swap(0, SeqCst)
    }
}

/// A waker, and the count of its wakes.
pub fn waker() -> (Waker, Arc<Wakes>) {
    let wakes = Arc::new(Wakes::default());
    (Waker::from(Arc::clone(&wakes)), wakes)
}

/// Polls a reader once, whoever is woken for it.
pub fn poll(reader: &mut Reader<Terms>) -> Poll<Result<Bytes, Stop<Ended>>> {
    reader.poll(&mut Context::from_waker(Waker::noop()))
}

/// Reads what is there, as text, and why there is no more; `None` if there may be.
pub fn read(reader: &mut Reader<Terms>) -> (String, Option<Stop<Ended>>) {
    let mut text = String::new();
    loop {
        match poll(reader) {
            Poll::Pending => return (text, None),
            Poll::Ready(Ok(chunk)) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
            Poll::Ready(Err(stop)) => return (text, Some(stop)),
        }
    }
}
