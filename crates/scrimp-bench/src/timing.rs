//! CPU time of this thread.

use rustix::time::{ClockId, clock_gettime};

use crate::{alloc, subject::Subject};

/// Requests between two readings of the clock.
pub(crate) const BATCH: usize = 64;
/// Batches in a round.
const BATCHES: usize = 8;
/// Requests before the measurement starts.
const WARM_UP: usize = 512;

/// The measured part of an exchange.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// Up to the head of the response.
    Head,
}

/// Returns the nanoseconds of CPU time of this thread.
pub(crate) fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Returns the median nanoseconds per request of each subject. Their rounds are interleaved, so
/// that other work on the machine affects all of them.
pub(crate) fn medians(
    subjects: &mut [&mut dyn Subject],
    rounds: usize,
    part: Part,
    between: &dyn Fn(),
) -> Vec<f64> {
    let clock = clock_cost();
    for subject in subjects.iter_mut() {
        // One request alone: some peers store in a separate task.
        subject.prepare(1);
        subject.exchange();
        between();
        for _ in 0..WARM_UP / BATCH {
            batch(*subject, part);
            between();
        }
    }
    let mut samples = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..rounds {
        for offset in 0..subjects.len() {
            let index = (round + offset) % subjects.len();
            let mut spent = 0.0;
            for _ in 0..BATCHES {
                spent += batch(subjects[index], part) - clock;
                between();
            }
            samples[index].push(spent / (BATCHES * BATCH) as f64);
        }
    }
    samples.into_iter().map(median).collect()
}

/// Returns the nanoseconds of one batch.
fn batch(subject: &mut dyn Subject, part: Part) -> f64 {
    subject.prepare(BATCH);
    let mut spent = 0.0;
    alloc::opt_out(|| {
        let start = cpu_time();
        measured(subject, part);
        spent = cpu_time() - start;
    });
    subject.finish();
    spent
}

/// Runs the one function that callgrind counts; see `bench/instructions.rs`.
#[inline(never)]
pub(crate) fn measured(subject: &mut dyn Subject, part: Part) {
    match part {
        Part::Whole => subject.exchange(),
        Part::Head => subject.head(),
    }
    // Keeps the call above from becoming a jump, which would hide this function.
    std::hint::black_box(());
}

pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Returns the cost of reading the clock.
fn clock_cost() -> f64 {
    let mut samples = Vec::with_capacity(1000);
    for _ in 0..1000 {
        let start = cpu_time();
        samples.push(cpu_time() - start);
    }
    median(samples)
}
