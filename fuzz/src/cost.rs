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
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let start = now();
        let result = work();
        least = least.min(now() - start);
        if least <= most {
            return result;
        }
    }
    panic!("it took {least:?}, more than {most:?}");
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("time of a thread is positive"),
        u32::try_from(time.tv_nsec).expect("less than a second"),
    )
}
