//! The model: each user's hours of the week, with the latest weeks first.

use std::{fmt, hash::RandomState, time::SystemTime};

use hashlink::LinkedHashMap;
use scrimp_core::{SettingError, Settings};

use super::{
    hours::{DAY, DAYS, Hour, Rate, WEEK, WEEKS},
    weights::{Facts, Weights},
};
use crate::Calibration;

/// The name of the built type, for errors.
const OWNER: &str = "ActivityPredictor";

/// Longest name of a user, in bytes.
const LONGEST: usize = 256;

/// Hours without any visit that are learned at a time. The model knows no longer pattern.
const MOST: u64 = WEEK as u64;

/// Farthest time zones, in minutes.
const ZONES: std::ops::RangeInclusive<i32> = -14 * 60..=14 * 60;

/// Part by which the frequency of all hours follows the latest one.
const SLOWLY: f64 = 1.0 / 168.0;

/// Predicts which users come within an hour.
///
/// It counts each user's visits by the hour of the week and the hour of the day, with the latest weeks first,
/// and weighs them with the time since the last visit, how often the user comes at all, and how many come at that
/// hour. The weights are learned, and what they say is [calibrated](Calibration) by which users came.
///
/// A user takes half a kilobyte. The one who was away for longest makes room, in constant time. An hour's end
/// takes less than a microsecond a user.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use scrimp_prefetch::ActivityPredictor;
///
/// let mut model = ActivityPredictor::builder().utc_offset(60).build()?;
/// let hour = Duration::from_secs(3_600);
/// // Ann comes every day at seven o'clock, an hour east of Greenwich.
/// for day in 0..28 {
///     model.observe("ann", UNIX_EPOCH + hour * (24 * day + 6));
/// }
/// model.advance(UNIX_EPOCH + hour * (24 * 28 + 6));
/// assert!(model.probability("ann").is_some_and(|probability| probability > 0.8));
/// model.advance(UNIX_EPOCH + hour * (24 * 28 + 8));
/// assert!(model.probability("ann").is_some_and(|probability| probability < 0.2));
/// # Ok::<(), scrimp_prefetch::SettingError>(())
/// ```
pub struct ActivityPredictor {
    users: LinkedHashMap<Box<str>, Box<User>, RandomState>,
    sizes: Sizes,
    /// The present hour.
    hour: Option<Hour>,
    /// Share of the users who came in an hour of the day.
    all: [f64; DAY],
    weights: Weights,
    calibration: Calibration,
}

/// Settings of an [`ActivityPredictor`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ActivityPredictorBuilder(Settings<Sizes>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) users: usize,
    pub(super) offset: i32,
}

/// A user's hours.
struct User {
    week: [Rate; WEEK],
    day: [Rate; DAY],
    /// Frequency of all hours.
    own: f64,
    first: Hour,
    /// The last hour with a visit, before the present one.
    last: Hour,
    came: bool,
}

// === impl ActivityPredictor ===

impl Default for ActivityPredictor {
    fn default() -> Self {
        Self::new()
    }
}

impl ActivityPredictor {
    /// Returns a model with room for 10,000 users, whose hours are those of UTC.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Sizes::default())
    }

    /// Starts a model with other settings.
    pub fn builder() -> ActivityPredictorBuilder {
        ActivityPredictorBuilder(Settings::new(OWNER, Sizes::default()))
    }

    pub(super) fn of(sizes: Sizes) -> Self {
        Self {
            users: LinkedHashMap::with_hasher(RandomState::new()),
            sizes,
            hour: None,
            all: [0.05; DAY],
            weights: Weights::default(),
            calibration: Calibration::new(),
        }
    }

    /// Learns that a user is there. Names of more than 256 bytes are ignored, and times before the present hour
    /// count as the present hour.
    pub fn observe(&mut self, user: &str, at: SystemTime) {
        self.advance(at);
        let Some(hour) = self.hour.filter(|_| user.len() <= LONGEST) else {
            return;
        };
        if let Some(known) = self.users.to_back(user) {
            known.came = true;
            return;
        }
        if self.users.len() >= self.sizes.users {
            self.users.pop_front();
        }
        self.users.insert(user.into(), Box::new(User::new(hour)));
    }

    /// Forgets a user. Returns true if the user was known. What all users have taught together stays: how many come in
    /// an hour of the day, the weights, and the calibration.
    pub fn forget(&mut self, user: &str) -> bool {
        self.users.remove(user).is_some()
    }

    /// Ends the hours that are over at a time, and learns who came in them.
    pub fn advance(&mut self, to: SystemTime) {
        let to = Hour::of(to, self.sizes.offset);
        let Some(mut hour) = self.hour else {
            self.hour = Some(to);
            return;
        };
        let mut left = MOST;
        while hour < to && left > 0 {
            self.end(hour);
            (hour, left) = (hour.next(), left - 1);
        }
        self.hour = Some(hour.max(to));
    }

    /// Returns the calibrated probability that a user comes in the present hour, as it was when that began.
    /// `None` if the user is not known.
    pub fn probability(&mut self, user: &str) -> Option<f64> {
        let hour = self.hour?;
        let user = self.users.get(user)?;
        let said = self.weights.weigh(&user.facts(hour, &self.all));
        Some(self.calibration.probability(said))
    }

    /// Returns the users who have not come in the present hour yet, and do so with at least this probability. The
    /// likeliest come first.
    pub fn likely(&mut self, threshold: f64) -> Vec<(Box<str>, f64)> {
        let Some(hour) = self.hour else {
            return Vec::new();
        };
        let mut likely = Vec::new();
        for (name, user) in self.users.iter().filter(|(_, user)| !user.came) {
            let said = self.weights.weigh(&user.facts(hour, &self.all));
            let probability = self.calibration.probability(said);
            if probability >= threshold {
                likely.push((name.clone(), probability));
            }
        }
        likely.sort_unstable_by(|(_, a), (_, b)| b.total_cmp(a));
        likely
    }

    /// Returns the present hour of the local day: 7 from 7:00 to 7:59.
    #[must_use]
    pub fn hour_of_day(&self) -> Option<usize> {
        self.hour.map(Hour::of_day)
    }

    /// Returns the number of known users.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// Reports whether a user has come in the present hour.
    pub(super) fn has_come(&self, user: &str) -> bool {
        self.users.get(user).is_some_and(|user| user.came)
    }

    /// Learns from an hour that is over.
    fn end(&mut self, hour: Hour) {
        let (mut known, mut came) = (0_u32, 0_u32);
        let mut users: Vec<&mut User> =
            self.users.iter_mut().map(|(_, user)| &mut **user).collect();
        // Those who were away for longest come first here. The latest outcomes count most, so they are mixed.
        for at in spread(users.len()) {
            let user = &mut *users[at];
            // The hour of a first visit tells nothing: the user was not known before.
            if user.first < hour {
                let facts = user.facts(hour, &self.all);
                let said = self.weights.weigh(&facts);
                self.calibration.learn(said, user.came);
                self.weights.learn(&facts, said, user.came);
                known += 1;
                came += u32::from(user.came);
            }
            user.end(hour);
        }
        if known > 0 {
            let share = f64::from(came) / f64::from(known);
            let all = &mut self.all[hour.of_day()];
            *all += (share - *all) / 4.0;
        }
    }
}

/// Returns all numbers below an end, far apart from one to the next.
fn spread(end: usize) -> impl Iterator<Item = usize> {
    // The golden section leaves the largest distances; a step that shares no divisor with the end meets all.
    let golden = end * 618 / 1_000;
    let step = (golden.max(1)..).find(|step| divisor(*step, end) == 1);
    let step = step.unwrap_or(1);
    (0..end).map(move |at| at * step % end)
}

fn divisor(one: usize, other: usize) -> usize {
    if other == 0 {
        one
    } else {
        divisor(other, one % other)
    }
}

impl fmt::Debug for ActivityPredictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityPredictor")
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}

// === impl ActivityPredictorBuilder ===

impl ActivityPredictorBuilder {
    /// Sets how many users are known. Default: 10,000. Range: 1 or more.
    pub fn max_users(self, count: usize) -> Self {
        let set = |sizes: &mut Sizes, count| sizes.users = count;
        Self(self.0.within("max_users", count, 1.., set))
    }

    /// Sets the users' distance from UTC, in minutes to the east: 60 for Central European Time. Default: 0.
    /// Range: 14 h in both directions.
    pub fn utc_offset(self, minutes: i32) -> Self {
        let set = |sizes: &mut Sizes, minutes| sizes.offset = minutes;
        Self(self.0.within("utc_offset", minutes, ZONES, set))
    }

    /// Builds the model.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range. The error names the first one.
    pub fn build(self) -> Result<ActivityPredictor, SettingError> {
        Ok(ActivityPredictor::of(self.sizes()?))
    }

    pub(super) fn sizes(self) -> Result<Sizes, SettingError> {
        self.0.finish()
    }
}

// === impl Sizes ===

impl Default for Sizes {
    fn default() -> Self {
        Self {
            users: 10_000,
            offset: 0,
        }
    }
}

// === impl User ===

impl User {
    fn new(hour: Hour) -> Self {
        Self {
            week: [Rate::default(); WEEK],
            day: [Rate::default(); DAY],
            own: SLOWLY,
            first: hour,
            last: hour,
            came: true,
        }
    }

    /// Returns what is known before an hour.
    fn facts(&self, hour: Hour, all: &[f64; DAY]) -> Facts {
        let (age, all) = (hour.since(self.first), all[hour.of_day()]);
        let day = self.day[hour.of_day()].after(age / DAY as u64, DAYS, all);
        let week = self.week[hour.of_week()].after(age / WEEK as u64, WEEKS, day);
        Facts::new(week, day, all, self.own, hour.since(self.last))
    }

    /// Learns from an hour that is over.
    fn end(&mut self, hour: Hour) {
        let came = std::mem::replace(&mut self.came, false);
        self.week[hour.of_week()].learn(came, WEEKS);
        self.day[hour.of_day()].learn(came, DAYS);
        self.own += (f64::from(u8::from(came)) - self.own) * SLOWLY;
        if came {
            self.last = hour;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(hour: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(3_600 * hour)
    }

    #[test]
    fn a_user_who_comes_on_weekdays_at_eight_is_expected_then_and_not_on_other_days() {
        let mut model = ActivityPredictor::new();
        for hour in 0..WEEK as u64 * 12 {
            model.advance(at(hour));
            let (day, of_day) = (hour / 24 % 7, hour % 24);
            if day < 5 && of_day == 8 {
                model.observe("ann", at(hour));
            }
            if of_day % 3 == 0 {
                model.observe(&format!("guest {hour}"), at(hour));
            }
        }
        let next = WEEK as u64 * 12;
        model.advance(at(next + 24 + 8));
        let workday = model.probability("ann").unwrap();
        assert!(workday > 0.8, "{workday}");
        assert_eq!(&*model.likely(0.8)[0].0, "ann");
        model.advance(at(next + 5 * 24 + 8));
        let weekend = model.probability("ann").unwrap();
        assert!(weekend < 0.4, "{weekend}");
    }

    #[test]
    fn mixed_users_are_all_users() {
        for end in [0, 1, 2, 3, 10, 97, 1_000] {
            let mut all: Vec<_> = spread(end).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..end), "{end}");
        }
    }

    #[test]
    fn a_hundred_times_as_many_users_leave_the_latest_ones() {
        let mut model = ActivityPredictor::builder().max_users(50).build().unwrap();
        for number in 0..5_000_u64 {
            model.observe(&number.to_string(), at(number / 100));
            assert!(model.users() <= 50);
        }
        assert!(model.probability("4999").is_some() && model.probability("0").is_none());
        model.observe(&"x".repeat(LONGEST + 1), at(50));
        assert!(model.users() == 50 && model.probability("4999").is_some());
    }

    #[test]
    fn a_gap_of_a_thousand_years_is_learned_as_a_week_without_visits() {
        let mut model = ActivityPredictor::new();
        model.observe("ann", at(1));
        model.observe("bob", at(8_766_000));
        assert!(model.probability("ann").unwrap() < 0.05);
        // A clock that goes back stays in the hour that it was.
        model.observe("bob", at(5));
        assert_eq!(model.hour_of_day(), Some(8_766_000 % 24));
    }
}
