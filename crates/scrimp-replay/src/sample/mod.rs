//! A log of a shop that does not exist.

mod random;
mod session;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io::{self, Read},
};

use jiff::Timestamp;

use random::{Random, Zipf};
use session::{Request, Session};

/// Monday, 5 January 2026, 00:00 UTC.
const START: i64 = 1_767_571_200;
/// Seconds between two requests of a visitor, on average.
const THINKING: f64 = 12.0;
/// Requests of a visitor, on average.
const VISIT: f64 = 6.0;
/// One line in so many is a change of a price.
const PER_CHANGE: f64 = 200.0;

/// Makes up the access log of a shop, in Combined Log Format.
///
/// Products are visited by Zipf's law, in sessions that go from lists to products and on
/// to reviews and the cart; more by day than by night. Now and then a price is changed
/// (`PUT`), a link carries a campaign's tag, a product does not exist, or the upstream is
/// overloaded. The same settings make the same log.
///
/// Lines come from the iterator, or as bytes through [`Read`].
///
/// ```
/// use scrimp_replay::SampleLog;
///
/// let lines: Vec<String> = SampleLog::new().seed(7).requests(3).collect();
/// assert_eq!(lines.len(), 3);
/// assert!(lines[0].contains("/api/products"));
/// ```
#[derive(Debug)]
pub struct SampleLog {
    settings: Settings,
    state: Option<State>,
    /// What [`Read`] has yet to hand out of the last line.
    unread: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    seed: u64,
    requests: u64,
    products: u64,
    hours: u64,
}

/// What visitors see of the shop.
#[derive(Debug)]
struct Shop {
    products: u64,
    popularity: Zipf,
}

#[derive(Debug)]
struct State {
    shop: Shop,
    random: Random,
    left: u64,
    /// Seconds between two new visitors at the busiest time of day.
    arrival_gap: f64,
    change_gap: f64,
    /// Microseconds since the start, and who is to act then: visitors by number.
    agenda: BinaryHeap<Reverse<(u64, Actor)>>,
    visitors: BTreeMap<u64, Session>,
    visitors_so_far: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Actor {
    Door,
    BackOffice,
    Visitor(u64),
}

// === impl SampleLog ===

impl Default for SampleLog {
    fn default() -> Self {
        Self::new()
    }
}

impl SampleLog {
    /// 100,000 requests over a day, for 2,000 products.
    #[must_use]
    pub fn new() -> Self {
        let settings = Settings {
            seed: 1,
            requests: 100_000,
            products: 2_000,
            hours: 24,
        };
        Self {
            settings,
            state: None,
            unread: Vec::new(),
        }
    }

    /// Another seed makes another log of the same kind. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// How many lines. Default: 100,000.
    #[must_use]
    pub fn requests(mut self, requests: u64) -> Self {
        self.settings.requests = requests;
        self
    }

    /// How many products the shop has; at least one. Default: 2,000.
    #[must_use]
    pub fn products(mut self, products: u64) -> Self {
        self.settings.products = products.max(1);
        self
    }

    /// Over how many hours, about; at least one. Default: 24.
    #[must_use]
    pub fn hours(mut self, hours: u64) -> Self {
        self.settings.hours = hours.max(1);
        self
    }
}

impl Iterator for SampleLog {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let settings = self.settings;
        self.state
            .get_or_insert_with(|| State::new(settings))
            .next()
    }
}

impl Read for SampleLog {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.unread.len() < buffer.len() {
            let Some(line) = self.next() else { break };
            self.unread.extend_from_slice(line.as_bytes());
            self.unread.push(b'\n');
        }
        let count = self.unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.unread[..count]);
        self.unread.drain(..count);
        Ok(count)
    }
}

// === impl State ===

impl State {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn new(settings: Settings) -> Self {
        let mean_gap = settings.hours as f64 * 3600.0 / settings.requests.max(1) as f64;
        Self {
            shop: Shop {
                products: settings.products,
                popularity: Zipf::new(settings.products),
            },
            random: Random::new(settings.seed),
            left: settings.requests,
            arrival_gap: mean_gap * VISIT * MEAN_ACTIVITY,
            change_gap: mean_gap * PER_CHANGE,
            agenda: [Reverse((0, Actor::Door)), Reverse((1, Actor::BackOffice))].into(),
            visitors: BTreeMap::new(),
            visitors_so_far: 0,
        }
    }

    fn next(&mut self) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        loop {
            let Reverse((now, actor)) = self.agenda.pop()?;
            match actor {
                Actor::Door => self.open_door(now),
                Actor::BackOffice => {
                    let gap = self.random.gap(self.change_gap);
                    self.plan(now, gap, actor);
                    // The first call is only there to draw the time of the first change.
                    if now > 1 {
                        let change = session::price_change(&self.shop, &mut self.random);
                        return Some(change.line(now));
                    }
                }
                Actor::Visitor(number) => {
                    let Some(session) = self.visitors.get_mut(&number) else {
                        continue;
                    };
                    let request = session.request(&self.shop, &mut self.random);
                    if session.requests_left == 0 {
                        self.visitors.remove(&number);
                    } else {
                        let gap = self.random.gap(THINKING);
                        self.plan(now, gap, actor);
                    }
                    return Some(request.line(now));
                }
            }
        }
    }

    /// A visitor comes, or, the later at night the likelier, does not.
    fn open_door(&mut self, now: u64) {
        let gap = self.random.gap(self.arrival_gap);
        self.plan(now, gap, Actor::Door);
        if self.random.unit() < activity(now) {
            self.visitors_so_far += 1;
            let number = self.visitors_so_far;
            self.visitors.insert(number, Session::new(&mut self.random));
            self.agenda.push(Reverse((now, Actor::Visitor(number))));
        }
    }

    fn plan(&mut self, now: u64, gap: f64, actor: Actor) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let gap = (gap * 1e6) as u64;
        self.agenda.push(Reverse((now.saturating_add(gap), actor)));
    }
}

/// Mean of [`activity`] over a day.
const MEAN_ACTIVITY: f64 = 0.6;

/// From 0.2 at three in the night to 1 at three in the afternoon.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a day fit exactly"
)]
fn activity(now: u64) -> f64 {
    let day = (now % 86_400_000_000) as f64 / 86_400e6;
    MEAN_ACTIVITY + 0.4 * ((day - 0.375) * std::f64::consts::TAU).sin()
}

// === impl Shop, Request ===

impl Shop {
    /// A product, drawn by popularity: number 1 is the most popular.
    fn popular(&self, random: &mut Random) -> u64 {
        1 + self.popularity.draw(random)
    }
}

impl Request {
    fn line(&self, now: u64) -> String {
        let Self {
            address: [a, b, c, d],
            agent,
            method,
            target,
            status,
            bytes,
        } = self;
        let seconds = START.saturating_add_unsigned(now / 1_000_000);
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        let time = time.strftime("%d/%b/%Y:%H:%M:%S +0000");
        format!(
            "{a}.{b}.{c}.{d} - - [{time}] \"{method} {target} HTTP/1.1\" {status} {bytes} \
             \"-\" \"{agent}\""
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_log_and_another_another() {
        let log = |seed| {
            SampleLog::new()
                .seed(seed)
                .requests(500)
                .collect::<Vec<_>>()
        };
        assert_eq!(log(3), log(3));
        assert_ne!(log(3), log(4));
    }

    #[test]
    fn reading_gives_the_lines() {
        let mut text = String::new();
        SampleLog::new()
            .requests(50)
            .read_to_string(&mut text)
            .unwrap();
        let lines: Vec<_> = SampleLog::new().requests(50).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn the_log_is_in_order_and_takes_about_as_long_as_asked() {
        let times: Vec<i64> = SampleLog::new()
            .requests(20_000)
            .hours(48)
            .map(|line| crate::line::parse(line.as_bytes()).unwrap().time)
            .collect();
        assert!(times.is_sorted());
        let hours = (times[times.len() - 1] - times[0]) / 3_600_000_000;
        assert!((40..56).contains(&hours), "{hours} h");
    }
}
