//! Limits on the processor time that an input may take.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time that reading 4 KiB may take in a build with coverage.
pub const SMALL: Duration = Duration::from_millis(20);

/// Does work and checks the thread's processor time, which other programs do not prolong.
///
/// # Panics
///
/// If the work takes longer three times.
pub fn within<T>(most: Duration, work: impl Fn() -> T) -> T {
    let (least, result) = least(most, work);
    assert!(least <= most, "it took {least:?}, more than {most:?}");
    result
}

/// Most of the time for a quarter of a text that the whole may take: linear work takes 4 times as
/// long, quadratic work 16.
const GROWTH: u32 = 8;

/// Does work on a text of a length, and if that takes longer than `most`, on a text of a quarter of
/// it, so that a slow machine fails no linear work.
///
/// # Panics
///
/// If the work is longer than `most` and grows faster than the text.
pub fn linear(most: Duration, length: usize, work: impl Fn(usize)) {
    let (whole, ()) = least(most, || work(length));
    if whole > most {
        let (quarter, ()) = least(Duration::ZERO, || work(length / 4));
        assert!(
            whole <= quarter * GROWTH,
            "{length} bytes took {whole:?}, a quarter of them {quarter:?}"
        );
    }
}

/// Does work up to three times until it takes no longer than `enough`. Returns the least processor
/// time.
fn least<T>(enough: Duration, work: impl Fn() -> T) -> (Duration, T) {
    let once = || {
        let start = now();
        let result = work();
        (now() - start, result)
    };
    let mut best = once();
    for _ in 1..3 {
        if best.0 <= enough {
            break;
        }
        let next = once();
        if next.0 < best.0 {
            best = next;
        }
    }
    best
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("time of a thread is positive"),
        u32::try_from(time.tv_nsec).expect("less than a second"),
    )
}
