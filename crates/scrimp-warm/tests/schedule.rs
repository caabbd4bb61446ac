//! Times of a schedule, also where clocks go forward and back.
#![cfg(feature = "schedule")]

use std::time::{Duration, SystemTime};

use scrimp_core::Clock;
use scrimp_warm::Schedule;
use tokio::time::Instant;

fn at(text: &str) -> SystemTime {
    let stamp: jiff::Timestamp = text.parse().unwrap();
    stamp.try_into().unwrap()
}

/// Returns the first times after one, as people in the time zone write them.
fn times(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let mut last = at(after);
    let next = |_| {
        last = schedule.next(last).unwrap();
        schedule.show(last)[5..].to_owned()
    };
    (0..count).map(next).collect()
}

fn berlin(cron: &str) -> Schedule {
    Schedule::new(cron, "Europe/Berlin").unwrap()
}

#[test]
fn times_are_those_of_the_time_zone() {
    let peak = berlin("*/30 8-9 * * MON-FRI");
    // The 31st of October 2026 is a Saturday.
    assert_eq!(
        times(&peak, "2026-10-30T07:45:00Z", 3),
        [
            "10-30 09:00:00 CET",
            "10-30 09:30:00 CET",
            "11-02 08:00:00 CET"
        ]
    );
    let daily = Schedule::new("@daily", "UTC").unwrap();
    assert_eq!(
        times(&daily, "2026-02-28T12:00:00Z", 1),
        ["03-01 00:00:00 UTC"]
    );
    let seconds = Schedule::new("30 0 12 * * *", "UTC").unwrap();
    assert_eq!(
        times(&seconds, "2026-02-28T12:00:00Z", 1),
        ["02-28 12:00:30 UTC"]
    );
}

#[test]
fn a_fixed_time_in_the_hour_that_is_left_out_comes_right_after_it() {
    // On the 29th of March 2026, 2:00 is 3:00.
    let fixed = times(&berlin("30 2 * * *"), "2026-03-28T12:00:00Z", 2);
    assert_eq!(fixed, ["03-29 03:00:00 CEST", "03-30 02:30:00 CEST"]);
    let steps = times(&berlin("*/30 * * * *"), "2026-03-29T00:29:00Z", 3);
    assert_eq!(
        steps,
        [
            "03-29 01:30:00 CET",
            "03-29 03:00:00 CEST",
            "03-29 03:30:00 CEST"
        ]
    );
}

#[test]
fn a_fixed_time_in_the_hour_that_comes_twice_comes_once() {
    // On the 25th of October 2026, 3:00 is 2:00.
    let fixed = times(&berlin("30 2 * * *"), "2026-10-24T12:00:00Z", 2);
    assert_eq!(fixed, ["10-25 02:30:00 CEST", "10-26 02:30:00 CET"]);
    let steps = times(&berlin("*/30 * * * *"), "2026-10-24T23:45:00Z", 5);
    assert_eq!(
        steps,
        [
            "10-25 02:00:00 CEST",
            "10-25 02:30:00 CEST",
            "10-25 02:00:00 CET",
            "10-25 02:30:00 CET",
            "10-25 03:00:00 CET",
        ]
    );
}

#[test]
fn a_lead_comes_before_each_time() {
    let campaign = berlin("0 8 * * MON")
        .before(Duration::from_secs(600))
        .unwrap();
    assert_eq!(
        times(&campaign, "2026-11-02T06:49:59Z", 2),
        ["11-02 07:50:00 CET", "11-09 07:50:00 CET"]
    );
}

#[test]
fn what_never_comes_has_no_next_time() {
    assert_eq!(berlin("0 0 30 2 *").next(at("2026-01-01T00:00:00Z")), None);
}

#[test]
fn what_cannot_be_used_is_refused_with_what_would_be_right() {
    for (cron, zone, says) in [
        ("61 * * * *", "UTC", "`cron` must be a cron expression"),
        ("every day", "UTC", "*/5 7-9 * * MON-FRI"),
        ("", "UTC", "`cron`"),
        (&"0,".repeat(1_000), "UTC", "too long"),
        ("@daily", "Europe/Berlim", "`zone` must be a time zone"),
    ] {
        let error = Schedule::new(cron, zone).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let year = Duration::from_secs(366 * 86_400);
    assert!(berlin("@daily").before(year).is_err() && berlin("@daily").jitter(year).is_err());
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_the_time_and_later_by_the_jitter() {
    let clock = Clock::anchored(at("2026-06-01T10:00:00Z"));
    let hourly = Schedule::new("@hourly", "UTC").unwrap();
    let begun = Instant::now();
    assert_eq!(hourly.wait(&clock).await, Some(at("2026-06-01T11:00:00Z")));
    assert_eq!(begun.elapsed().as_secs(), 3_600);
    // The next one is another one.
    assert_eq!(hourly.wait(&clock).await, Some(at("2026-06-01T12:00:00Z")));

    let jittered = hourly.jitter(Duration::from_secs(600)).unwrap();
    let mut late = Vec::new();
    for _ in 0..20 {
        let due = jittered.wait(&clock).await.unwrap();
        late.push(clock.wall().duration_since(due).unwrap().as_secs());
    }
    assert!(late.iter().all(|late| *late <= 600));
    let (low, high) = (late.iter().min().unwrap(), late.iter().max().unwrap());
    assert!(high - low > 100, "{late:?}");
}
