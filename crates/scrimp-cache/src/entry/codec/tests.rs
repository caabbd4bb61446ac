//! Tests: decoding returns exactly what was encoded.

#[cfg(feature = "encryption")]
mod encrypted;
mod lines;
mod secrets;

use std::{
    sync::atomic::AtomicU32,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use proptest::{
    collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner,
};
use scrimp_core::{Currency, Key, KeyBuf, Money};
use scrimp_testkit::ManualClock;

use super::*;
use crate::{
    entry::{Booking, Entry, RefreshFlag},
    invalidation::epoch::{Carried, Tag, Validity},
    packed::StoredFields,
    policy::{
        Policy, Selection, Source,
        facts::Answer,
        freshness::{Grace, Second},
        judge::Moment,
    },
};

const NOON: Duration = Duration::from_secs(1_790_856_000);

fn key() -> Key {
    KeyBuf::new().part(b"tenant").part(b"/path").to_key()
}

fn duration() -> impl Strategy<Value = Duration> {
    let some = (0..1_u64 << 40, 0..1_000_000_000_u32);
    let some = some.prop_map(|(seconds, nanos)| Duration::new(seconds, nanos));
    prop_oneof![4 => some, 1 => Just(Duration::MAX), 1 => Just(Duration::ZERO)]
}

/// Generates dates of this year, and dates before 1970.
fn date() -> impl Strategy<Value = SystemTime> {
    (0..1_u64 << 33, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| {
        let span = Duration::new(seconds, nanos);
        match nanos % 2 {
            0 => UNIX_EPOCH + span,
            _ => UNIX_EPOCH - span,
        }
    })
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let names = vec!["etag", "x-a", "content-type", "vary", "age"];
    let field = (select(names), vec(0x20..=0x7e_u8, 0..20), any::<bool>());
    vec(field, 0..8).prop_map(|fields| {
        let mut headers = HeaderMap::new();
        for (name, value, sensitive) in fields {
            let mut value = HeaderValue::from_bytes(&value).expect("visible ASCII");
            value.set_sensitive(sensitive);
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    })
}

prop_compose! {
    fn policy(now: tokio::time::Instant)(
        age in (0..1_u64 << 32, 0..1_000_000_000_u32),
        times in (duration(), duration()),
        if_error in prop::option::of(duration()),
        source in select(vec![Source::Rule, Source::Heuristic, Source::None, Source::Expires]),
        flags in any::<[bool; 5]>(),
        last_modified in prop::option::of(date()),
        date in date(),
    ) -> (Policy, bool) {
        let policy = Policy {
            born: Moment::from(now).before(Duration::new(age.0, age.1)),
            lifetime: times.0.into(),
            source,
            always_validate: flags[0],
            never_stale: flags[1],
            immutable: flags[2],
            for_credentials: flags[4],
            grace: Grace {
                while_revalidate: times.1,
                if_error,
            }
            .boxed(),
            has_etag: false,
            last_modified: last_modified.map(Second::from),
            date: date.into(),
        };
        (policy, flags[3])
    }
}

prop_compose! {
    fn entry(now: tokio::time::Instant)(
        status in 100..1000_u16,
        version in select(vec![Version::HTTP_10, Version::HTTP_11, Version::HTTP_2]),
        headers in headers(),
        trailers in prop::option::of(headers()),
        body in vec(any::<u8>(), 0..300),
        upstream_status in prop::option::of("[ -~]{0,10}"),
        (mut policy, etag) in policy(now),
        wanted in headers(),
        spelled in select(vec!["/p?a", "/%70", "/./p"]),
        tags in vec(any::<u64>(), 0..5),
        versions in vec(any::<(u64, u64)>(), 0..3),
        names in "([a-z:]{1,9}(\n[a-z:]{1,9}){0,2})?",
        pico in prop::option::of(any::<i128>()),
        recompute_cost in duration(),
    ) -> Entry {
        let mut request = http::Request::new(());
        *request.headers_mut() = wanted;
        *request.uri_mut() = http::Uri::from_static(spelled);
        let vary = headers.iter().filter(|(name, _)| *name == "vary");
        let mut named = HeaderMap::new();
        for (_, value) in vary.take(1) {
            named.insert("vary", value.clone());
        }
        policy.has_etag = etag && headers.contains_key("etag");
        let tags: Vec<_> = tags.into_iter().map(Tag).collect();
        let versions: Vec<_> = versions.into_iter().map(|(tag, version)| (Tag(tag), version)).collect();
        let carried = Carried::new(tags, versions, &names);
        Entry {
            status: StatusCode::from_u16(status).expect("three digits"),
            version,
            is_selection_shared: false,
            headers: StoredFields::new(&headers, None),
            body: body.into(),
            extras: crate::entry::Extras {
                trailers,
                pieces: None,
                extensions: None,
                upstream_status: upstream_status.map(Bytes::from),
            }
            .boxed(),
            sent: (now - Duration::from_millis(7)).into(),
            policy,
            selection: Selection::new(&request, &Answer::read(&named)).unwrap_or_default().into(),
            validity: Validity::from_parts(1, 9, carried),
            booking: pico.map(|pico| Box::new(Booking {
                account: Ledger::new().account("cache", "tenant", "/route", Currency::USD),
                charge: Money::from_pico(pico, Currency::USD),
            })),
            recompute_cost: recompute_cost.into(),
            refreshing: RefreshFlag::default(),
            copied: None,
            weighed: AtomicU32::new(0),
        }
    }
}

/// Returns a codec whose clock stands still, and the clock.
fn codec() -> (Codec, ManualClock) {
    let clock = ManualClock::new(UNIX_EPOCH + NOON);
    let codec = Codec::new().clock(clock.clock()).ledger(Ledger::new());
    (codec, clock)
}

fn variants() -> impl Strategy<Value = (Variants, Codec, ManualClock)> {
    let (codec, clock) = codec();
    let now = clock.clock().instant();
    let variants = vec(entry(now).prop_map(Arc::new), 0..4).prop_map(Variants::from_iter);
    variants.prop_map(move |variants| (variants, codec.clone(), clock.clone()))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back((written, codec, clock) in variants()) {
        let bytes = codec.encode(key().as_ref(), &written).expect("small");
        let read = codec.decode(key().as_ref(), &bytes).expect("whole");
        prop_assert_eq!(read.iter().count(), written.iter().count());
        for (read, written) in read.iter().zip(written.iter()) {
            prop_assert_eq!(read.status, written.status);
            prop_assert_eq!(read.headers(), written.headers());
            prop_assert_eq!(read.trailers(), written.trailers());
            prop_assert_eq!(&read.body, &written.body);
            prop_assert_eq!(&read.selection, &written.selection);
            prop_assert_eq!(read.validity.parts(), written.validity.parts());
            prop_assert_eq!(format!("{:?}", read.policy), format!("{:?}", written.policy));
            prop_assert_eq!(read.sent, written.sent);
        }
        // Every field is in the encoded bytes.
        prop_assert_eq!(codec.encode(key().as_ref(), &read).expect("small"), bytes);
        clock.advance(Duration::from_secs(1));
    }

    #[test]
    fn another_process_reads_the_same_with_the_age_by_the_wall_clock(
        (written, codec, clock) in variants(),
        gone_by in 0..1_u64 << 30,
    ) {
        let bytes = codec.encode(key().as_ref(), &written).expect("small");
        clock.advance(Duration::from_secs(gone_by));
        let now = clock.clock().instant();
        let stranger = Codec { stranger: true, ..codec };
        let read = stranger.decode(key().as_ref(), &bytes).expect("whole");
        for (read, written) in read.iter().zip(written.iter()) {
            prop_assert_eq!(read.policy.age(now), written.policy.age(now));
            prop_assert!(read.sent() <= now);
        }
    }

    #[test]
    fn damage_anywhere_is_noticed(
        (written, codec, _) in variants(),
        at in any::<prop::sample::Index>(),
        change in 1..=u8::MAX,
    ) {
        let whole = codec.encode(key().as_ref(), &written).expect("small");
        let at = at.index(whole.len());
        prop_assert!(codec.decode(key().as_ref(), &whole.slice(..at)).is_err(), "cut off");
        let mut bytes = whole.to_vec();
        bytes[at] ^= change;
        prop_assert!(codec.decode(key().as_ref(), &bytes.into()).is_err(), "changed");
        let longer = [&whole[..], &[change]].concat();
        prop_assert!(codec.decode(key().as_ref(), &longer.into()).is_err(), "longer");
    }

    /// Bypasses the checksum, which any author of the bytes can make right.
    #[test]
    fn no_bytes_make_it_panic(
        (written, codec, _) in variants(),
        noise in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        keep in any::<prop::sample::Index>(),
    ) {
        const COVERED: usize = 11;
        let mut bytes = codec.encode(key().as_ref(), &written).expect("small").to_vec();
        for (at, byte) in noise {
            let at = COVERED + at.index(bytes.len() - COVERED);
            bytes[at] = byte;
        }
        bytes.truncate(COVERED + keep.index(bytes.len() - COVERED + 1));
        let sum = crc32fast::hash(&bytes[COVERED..]);
        bytes[7..COVERED].copy_from_slice(&sum.to_le_bytes());
        let _ = codec.decode(key().as_ref(), &bytes.into());
    }
}

fn some_entry(clock: &ManualClock) -> Entry {
    let mut runner = TestRunner::deterministic();
    let entry = entry(clock.clock().instant()).new_tree(&mut runner);
    entry.expect("nothing is filtered").current()
}

fn one() -> (Bytes, Codec, ManualClock) {
    let (codec, clock) = codec();
    let bytes = codec.encode(key().as_ref(), &Variants::default());
    (bytes.expect("small"), codec, clock)
}

#[test]
fn what_is_wrong_is_said() {
    let (bytes, codec, _) = one();
    let decode = |bytes: &[u8]| codec.decode(key().as_ref(), &Bytes::copy_from_slice(bytes));
    let error = |bytes: &[u8]| decode(bytes).expect_err("no stored response");
    assert_eq!(error(b"GIF89a"), DecodeError::Foreign);
    let mut newer = bytes.to_vec();
    newer[4] = 9;
    let version = DecodeError::Version {
        found: 9,
        known: Codec::VERSION,
    };
    assert_eq!(error(&newer), version);
    let known = format!("this build reads format {}", Codec::VERSION);
    assert!(version.to_string().contains(&known));
    assert_eq!(error(&bytes[..12]), DecodeError::Corrupt);
    let other = KeyBuf::new().part(b"other").to_key();
    let other = codec
        .decode(other.as_ref(), &bytes)
        .expect_err("another key");
    assert_eq!(other, DecodeError::OtherKey);
}

#[test]
fn what_a_wall_clock_says_is_from_the_future_is_not_read_by_another_process() {
    let (codec, clock) = codec();
    let entry = some_entry(&clock);
    let written: Variants = [Arc::new(entry)].into_iter().collect();
    let bytes = codec.encode(key().as_ref(), &written).expect("small");
    let earlier = ManualClock::new(UNIX_EPOCH + NOON - Duration::from_secs(60));
    let codec = codec.clock(earlier.clock());
    assert!(codec.decode(key().as_ref(), &bytes).is_ok(), "its own");
    let stranger = Codec {
        stranger: true,
        ..codec
    };
    let read = stranger
        .decode(key().as_ref(), &bytes)
        .expect_err("from the future");
    assert_eq!(read, DecodeError::Future);
}

#[test]
fn with_the_time_in_the_store_the_wall_clocks_of_two_processes_are_not_compared() {
    let (codec, clock) = codec();
    let entry = some_entry(&clock);
    let age = entry.policy.age(clock.clock().instant());
    let written: Variants = [Arc::new(entry)].into_iter().collect();
    let bytes = codec.encode(key().as_ref(), &written).expect("small");
    let (skew, stored_for) = (Duration::from_secs(15 * 60), Duration::from_secs(5));
    for wall in [NOON - skew, NOON + skew] {
        let skewed = ManualClock::new(UNIX_EPOCH + wall);
        let stranger = Codec {
            stranger: true,
            ..codec.clone().clock(skewed.clock())
        };
        let read = stranger.decode_after(key().as_ref(), &bytes, stored_for);
        let read = read.expect("it is not from the future");
        let entry = read.iter().next().expect("one response");
        let now = entry.policy.age(skewed.clock().instant());
        assert_eq!(now, age + stored_for);
    }
}

#[test]
fn hits_on_what_was_read_back_are_booked_as_before() {
    let (codec, clock) = codec();
    let mut entry = some_entry(&clock);
    entry.booking = Some(Box::new(Booking {
        account: Ledger::new().account("cache", "tenant", "/route", Currency::USD),
        charge: Money::from_pico(5, Currency::USD),
    }));
    let written: Variants = [Arc::new(entry)].into_iter().collect();
    let bytes = codec.encode(key().as_ref(), &written).expect("small");
    let ledger = Ledger::new();
    let codec = codec.ledger(ledger.clone());
    let read = codec.decode(key().as_ref(), &bytes).expect("whole");
    let booking = read.iter().find_map(|entry| entry.booking.as_ref());
    let booking = booking.expect("a booking");
    booking.account.avoided(booking.charge);
    let line = &ledger.lines()[0];
    assert_eq!(
        (&*line.tenant, &*line.route, line.saved.pico()),
        ("tenant", "/route", 5)
    );
}

#[test]
fn copies_of_one_response_are_refreshed_once() {
    let (codec, clock) = codec();
    let entry = some_entry(&clock);
    let written: Variants = [Arc::new(entry)].into_iter().collect();
    let bytes = codec.encode(key().as_ref(), &written).expect("small");
    let read = || {
        let read = codec.decode(key().as_ref(), &bytes).expect("whole");
        Arc::clone(read.iter().next().expect("one response"))
    };
    let refresh = read().begin_refresh().expect("the first");
    assert!(read().begin_refresh().is_none(), "one is under way");
    let other = KeyBuf::new().part(b"other").to_key();
    let bytes_of_other = codec.encode(other.as_ref(), &written).expect("small");
    let other = codec.decode(other.as_ref(), &bytes_of_other);
    let other = other.expect("whole").iter().next().cloned();
    let other = other.expect("one response").begin_refresh();
    assert!(
        other.is_some(),
        "a response under another key is another one"
    );
    drop(refresh);
    let mut refresh = read().begin_refresh().expect("the first has ended");
    refresh.refuse();
    drop(refresh);
    assert!(read().was_refused(), "no copy has to stay in memory");
}

#[cfg(feature = "compression")]
#[test]
fn a_few_bytes_that_stand_for_a_very_long_body_are_not_decoded_by_default() {
    let (codec, clock) = codec();
    let entries = entry(clock.clock().instant());
    let tree = entries.new_tree(&mut TestRunner::deterministic());
    let mut long = tree.expect("an entry").current();
    long.headers = StoredFields::new(&HeaderMap::new(), None);
    long.body = vec![0; 1 + (64 << 20)].into();
    let codec = codec.compression(Compression::Fast);
    let bytes = codec.encode(key().as_ref(), &Variants::from_iter([Arc::new(long)]));
    let bytes = bytes.expect("short");
    assert!(bytes.len() < 1 << 20);
    let decoded = codec.decode(key().as_ref(), &bytes);
    assert_eq!(decoded.expect_err("too long"), DecodeError::TooLarge);
    let decoded = codec.max_body(u64::MAX).decode(key().as_ref(), &bytes);
    assert!(decoded.is_ok());
}
