use super::*;
use http::{HeaderMap, header};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn policy(mode: Mode, status: u16, fields: &[(&'static str, &str)]) -> Policy {
    let wall = NOW + Duration::from_secs(784_111_777);
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let control = ResponseControl::parse(headers.get_all(header::CACHE_CONTROL));
    let arrival = Arrival {
        now: Instant::now(),
        wall,
        delay: Duration::from_secs(2),
    };
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer::read(&headers);
    Policy::new(mode, status, &answer, &control, false, None, arrival)
}

const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

#[test]
fn a_shared_cache_prefers_s_maxage_and_a_private_one_ignores_it() {
    let fields = [("cache-control", "max-age=10, s-maxage=20")];
    assert_eq!(policy(Mode::Shared, 200, &fields).lifetime().as_secs(), 20);
    assert_eq!(policy(Mode::Private, 200, &fields).lifetime().as_secs(), 10);
    assert!(policy(Mode::Shared, 200, &fields).never_stale);
}

#[test]
fn expires_counts_from_date_and_a_bad_one_is_past() {
    let expires = |value| policy(Mode::Shared, 200, &[DATE, ("expires", value)]).lifetime();
    assert_eq!(expires("Sun, 06 Nov 1994 08:50:37 GMT").as_secs(), 60);
    assert_eq!(expires("0").as_secs(), 0);
    assert_eq!(expires("Sun, 06 Nov 1994 08:00:00 GMT").as_secs(), 0);
    let fields = [DATE, ("expires", "0"), ("cache-control", "max-age=5")];
    assert_eq!(policy(Mode::Shared, 200, &fields).lifetime().as_secs(), 5);
}

#[test]
fn heuristics_take_a_tenth_up_to_a_day_and_only_for_the_codes_that_allow_it() {
    let modified = |status, date| {
        let policy = policy(Mode::Shared, status, &[DATE, ("last-modified", date)]);
        (policy.lifetime().as_secs(), policy.source)
    };
    assert_eq!(
        modified(200, "Sun, 06 Nov 1994 08:48:37 GMT"),
        (6, Source::Heuristic)
    );
    assert_eq!(
        modified(200, "Tue, 06 Nov 1984 08:48:37 GMT"),
        (86_400, Source::Heuristic)
    );
    assert_eq!(
        modified(201, "Tue, 06 Nov 1984 08:48:37 GMT"),
        (0, Source::None)
    );
}

fn initial(fields: &[(&'static str, &str)]) -> u64 {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().expect("a value"));
    }
    let arrival = Arrival {
        now: Instant::now(),
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
        delay: Duration::from_secs(2),
    };
    let date = date::field(&headers, &header::DATE);
    initial_age(&Answer::read(&headers), date, arrival).as_secs()
}

#[test]
fn age_is_the_larger_of_what_is_reported_and_what_is_apparent() {
    assert_eq!(initial(&[DATE]), 2);
    assert_eq!(initial(&[DATE, ("age", "30")]), 32);
    let minute = ("date", "Sun, 06 Nov 1994 08:48:37 GMT");
    assert_eq!(initial(&[minute, ("age", "30")]), 60);
}

#[test]
fn the_first_age_counts_and_what_is_none_is_ignored() {
    assert_eq!(initial(&[DATE, ("age", "30, 7")]), 32);
    for odd in ["-1", "7.5", "old", "0;x=1"] {
        assert_eq!(initial(&[DATE, ("age", odd)]), 2, "{odd}");
    }
}

#[test]
fn dates_are_ordered_and_parts_of_seconds_count_as_whole_ones() {
    let at = |millis: u64| Second::from(NOW + Duration::from_millis(millis));
    let before = |millis: u64| Second::from(NOW - Duration::from_millis(millis));
    assert!(before(2_000) < before(1_000) && before(1_000) < at(0) && at(0) < at(1));
    assert_eq!((at(1), at(1_500)), (at(1_000), at(2_000)));
    assert_eq!(before(1_500), before(1_000));
    assert_eq!(size_of::<Option<Second>>(), 8);
}

#[test]
fn a_response_is_of_use_until_its_last_grace_is_over() {
    let left = |control: &str, age: u64| {
        let policy = policy(Mode::Shared, 200, &[("cache-control", control)]);
        // It has taken two seconds to come.
        let now = Instant::now() + Duration::from_secs(age);
        policy
            .useful_for(now)
            .map(|time| time.as_secs_f64().round() as u64)
    };
    assert_eq!(left("max-age=62", 0), Some(60));
    assert_eq!(left("max-age=62", 100), Some(0));
    assert_eq!(left("max-age=62, stale-while-revalidate=30", 0), Some(90));
    assert_eq!(
        left(
            "max-age=62, stale-while-revalidate=30, stale-if-error=40",
            0
        ),
        Some(100)
    );
    let mut endless = policy(Mode::Shared, 200, &[("cache-control", "max-age=1")]);
    endless.set_lifetime(Duration::MAX);
    assert_eq!(endless.useful_for(Instant::now()), None);
}

#[test]
fn graces_weigh_and_none_weighs_nothing() {
    let size = |control: &str| policy(Mode::Shared, 200, &[("cache-control", control)]).heap_size();
    assert_eq!(size("max-age=1"), 0);
    assert_eq!(size("max-age=1, stale-if-error=1"), size_of::<Grace>());
}

#[test]
fn a_guessed_lifetime_can_be_taken_back_and_a_stated_one_cannot() {
    let without = |fields: &[(&'static str, &str)]| {
        let mut policy = policy(Mode::Shared, 200, fields);
        policy.without_heuristics();
        (policy.lifetime().as_secs(), policy.source)
    };
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:48:37 GMT");
    assert_eq!(without(&[DATE, modified]), (0, Source::None));
    let stated = [DATE, modified, ("cache-control", "max-age=5")];
    assert_eq!(without(&stated).0, 5);
}

#[test]
fn retention_ends_freshness_and_every_grace() {
    let retained = |most: u64| {
        let control = "max-age=10, stale-while-revalidate=20, stale-if-error=30";
        let mut policy = policy(Mode::Private, 200, &[("cache-control", control)]);
        policy.retain(Duration::from_secs(most));
        let grace = policy.grace();
        [
            policy.lifetime(),
            grace.while_revalidate,
            grace.if_error.unwrap(),
        ]
        .map(|it| it.as_secs())
    };
    assert_eq!(retained(4), [4, 0, 0]);
    assert_eq!(retained(25), [10, 15, 15]);
    assert_eq!(retained(35), [10, 20, 25]);
    assert_eq!(retained(100), [10, 20, 30]);
}
