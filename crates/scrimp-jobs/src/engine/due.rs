//! The time at which requests in jobs get calls of their own.

use std::time::Duration;

/// Durations of calls of their own, as far as they are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calls {
    /// Time that one takes.
    pub(crate) time: Duration,
    /// Calls at a time.
    pub(crate) at_once: usize,
    /// Calls that are under way, or wait for one.
    pub(crate) busy: usize,
    /// Time to spare before a deadline.
    pub(crate) margin: Duration,
}

/// Decision at one moment. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueNow {
    /// The latest deadline of requests that must be called now.
    pub(crate) until: Option<u64>,
    /// The time of the next decision.
    pub(crate) next: Option<u64>,
}

/// Decides which requests have to be called now, so that all calls end before their deadlines.
///
/// `deadlines` are counts of requests by deadline, the earliest first. The calls are made in this order, as many at a
/// time as they may be. So the `k`th of them ends after `⌈k / at once⌉` rounds. If that is now
/// the last moment for one of them, it and all that are due before it must begin.
pub(crate) fn due_now(deadlines: &[(u64, u64)], calls: Calls, now: u64) -> DueNow {
    let mut due = DueNow {
        until: None,
        next: None,
    };
    let at_once = calls.at_once.max(1) as u64;
    let (time, margin) = (millis(calls.time), millis(calls.margin));
    let mut count = calls.busy as u64;
    for (deadline, more) in deadlines {
        count += more;
        let rounds = count.div_ceil(at_once);
        let needed = time.saturating_mul(rounds).saturating_add(margin);
        let begin = deadline.saturating_sub(needed);
        if begin <= now {
            due.until = Some(*deadline);
            due.next = None;
        } else if due.next.is_none_or(|next| begin < next) {
            due.next = Some(begin);
        }
    }
    due
}

fn millis(time: Duration) -> u64 {
    crate::queue::millis(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calls(time: u64, at_once: usize) -> Calls {
        Calls {
            time: Duration::from_millis(time),
            at_once,
            busy: 0,
            margin: Duration::ZERO,
        }
    }

    #[test]
    fn many_requests_begin_earlier_than_one() {
        let one = due_now(&[(10_000, 1)], calls(1_000, 10), 0);
        assert_eq!((one.until, one.next), (None, Some(9_000)));
        let many = due_now(&[(10_000, 50)], calls(1_000, 10), 0);
        assert_eq!(many.next, Some(5_000));
        assert_eq!(
            due_now(&[(10_000, 50)], calls(1_000, 10), 5_000).until,
            Some(10_000)
        );
    }

    #[test]
    fn a_crowd_behind_a_single_request_takes_it_along() {
        let both = due_now(&[(10_000, 1), (11_000, 100)], calls(1_000, 10), 0);
        assert_eq!(both.next, None);
        assert_eq!(both.until, Some(11_000), "eleven rounds end at 11 s");
    }

    proptest! {
        /// Calls of the assumed time, at most `at_once` at a time, in the order of deadlines, begin when
        /// they are due; none ends late.
        #[test]
        fn no_call_ends_after_its_deadline(
            mut all in prop::collection::vec((60_000_u64..120_000, 1_u64..40), 1..20),
            time in 1_u64..2_000,
            at_once in 1_usize..50,
        ) {
            all.sort_unstable();
            let total: u64 = all.iter().map(|(_, count)| count).sum();
            prop_assume!(total.div_ceil(at_once as u64) * time < 60_000);
            let mut free = vec![0_u64; at_once];
            let mut now = 0;
            while !all.is_empty() {
                let busy = free.iter().filter(|until| **until > now).count();
                // The rounds count those under way as whole rounds.
                let due = due_now(&all, Calls { busy, ..calls(time, at_once) }, now);
                if let Some(until) = due.until {
                    for (deadline, count) in all.iter().take_while(|(deadline, _)| *deadline <= until) {
                        for _ in 0..*count {
                            let first = free.iter_mut().min().expect("at least one");
                            *first = (*first).max(now) + time;
                            prop_assert!(*first <= *deadline, "{} > {deadline}", *first);
                        }
                    }
                    all.retain(|(deadline, _)| *deadline > until);
                }
                let Some(next) = due_now(&all, calls(time, at_once), now).next else {
                    continue;
                };
                now = next.max(now + 1).min(due.next.unwrap_or(u64::MAX).max(now + 1));
            }
        }
    }
}
