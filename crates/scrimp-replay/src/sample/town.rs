//! The shop, its visitors, and the order of their actions.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use jiff::Timestamp;

use super::{
    Settings,
    session::{self, Request, Session},
};
use scrimp_demo::support::random::{Random, Zipf};

/// Monday, 5 January 2026, 00:00 UTC.
const START: i64 = 1_767_571_200;
/// Seconds between two requests of a visitor, on average.
const THINKING: f64 = 12.0;
/// Requests of a visitor, on average.
const VISIT: f64 = 6.0;
/// Lines per change of a price.
const PER_CHANGE: f64 = 200.0;

/// Mean of [`activity`] over a day.
const MEAN_ACTIVITY: f64 = 0.6;

/// The part of the shop that visitors see.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) products: u64,
    popularity: Zipf,
}

#[derive(Debug)]
pub(super) struct Town {
    shop: Shop,
    random: Random,
    left: u64,
    /// Seconds between two new visitors at the peak of the day.
    arrival_gap: f64,
    change_gap: f64,
    /// Microseconds since the start, and the next actor at that time: visitors by number.
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

// === impl Town ===

impl Town {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn new(settings: Settings) -> Self {
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

    pub(super) fn next(&mut self) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        loop {
            let Reverse((now, actor)) = self.agenda.pop()?;
            match actor {
                Actor::Door => self.open_door(now),
                Actor::BackOffice => {
                    let gap = self.random.gap(self.change_gap);
                    self.plan(now, gap, actor);
                    // The first call only draws the time of the first change.
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

    /// Lets a visitor come or not; at night fewer visitors come.
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

/// Returns the activity: from 0.2 at 03:00 to 1 at 15:00.
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
    /// Draws a product by popularity: number 1 is the most popular.
    pub(super) fn popular(&self, random: &mut Random) -> u64 {
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
