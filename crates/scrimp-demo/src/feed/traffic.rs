//! Sessions of users, and their requests for the feed.

use std::{f64::consts::TAU, time::Duration};

use crate::support::random::Random;

const DAY: f64 = 86_400.0;
/// Sessions of a user per day, on average.
const SESSIONS: f64 = 4.0;
/// Requests in a session, on average; their number is geometric.
const REQUESTS: f64 = 5.0;
/// Requests that are duplicated, in percent: a second tab or device, a retry, a widget.
const TWICE: u64 = 20;
/// Longest delay of a duplicate, in seconds.
const TWIN: f64 = 1.0;
/// Standard deviation of the logarithm of the time between two requests.
const SIGMA: f64 = 1.2;

/// Behaviour and number of users.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    pub(super) users: u64,
    /// Median time between two requests in a session, in seconds.
    pub(super) look: f64,
}

/// A request: its time since midnight, and its user.
pub(super) type Ask = (Duration, u64);

// === impl Habits ===

impl Habits {
    /// Returns a day's requests of all users, in order of time.
    pub(super) fn day(self, seed: u64) -> Vec<Ask> {
        let mut random = Random::new(seed);
        let mut asks = Vec::new();
        for user in 0..self.users {
            let mut at = random.gap(DAY / SESSIONS);
            while at < DAY {
                let end = self.session(user, by_day(at), &mut asks, &mut random);
                at += random.gap(DAY / SESSIONS).max(end - by_day(at));
            }
        }
        asks.sort_unstable();
        asks
    }

    /// Adds the requests of one session from `start` on; returns its end.
    fn session(self, user: u64, start: f64, asks: &mut Vec<Ask>, random: &mut Random) -> f64 {
        let mut at = start;
        loop {
            push(asks, at, user);
            if random.below(100) < TWICE {
                push(asks, at + random.unit() * TWIN, user);
            }
            if random.unit() < 1.0 / REQUESTS {
                return at;
            }
            at += self.look * (SIGMA * normal(random)).exp();
        }
    }
}

fn push(asks: &mut Vec<Ask>, at: f64, user: u64) {
    // To the millisecond, the resolution of the timers.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some days at most, and not negative"
    )]
    asks.push((Duration::from_millis((at * 1_000.0) as u64), user));
}

/// Changes an even distribution into one with daytime peaks: twice as many events around 14:00 as
/// around 02:00.
fn by_day(at: f64) -> f64 {
    let turn = TAU * (at / DAY - 2.0 / 24.0);
    at + DAY / TAU / 3.0 * turn.sin()
}

/// Returns a standard normal number, by Box and Muller (1958).
fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    radius * (TAU * random.unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_in_order_and_as_long_as_the_habits_say() {
        let habits = Habits {
            users: 2_000,
            look: 20.0,
        };
        let day = habits.day(3);
        assert!(day.is_sorted());
        let each = day.len() as f64 / 2_000.0;
        // Four sessions of five requests, of which one in five is duplicated.
        assert!((22.0..26.0).contains(&each), "{each}");
        let hour = |from: u64| {
            let hours = Duration::from_secs(3_600 * from)..Duration::from_secs(3_600 * (from + 4));
            day.iter().filter(|(at, _)| hours.contains(at)).count()
        };
        assert!(hour(12) > hour(0), "busier by day than by night");
    }
}
