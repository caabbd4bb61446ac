//! Tests of the engine with arbitrary bytes: any result is right, a panic is not.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use proptest::{collection::vec, prelude::*, sample::select};
use scrimp_http::cache_control::ResponseControl;
use tokio::time::Instant;

use super::{
    Mode, Policy, Selection, conditional,
    facts::{Answer, RequestFacts, Telling},
    freshness::Arrival,
    judge::{Freshness, judge, may_stand_in},
    merge, range,
    storable::{self, Asking, Permissions},
};

const NAMES: [HeaderName; 14] = [
    header::AGE,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::LAST_MODIFIED,
    header::RANGE,
    header::VARY,
    HeaderName::from_static("cdn-cache-control"),
];

/// Generates arbitrary bytes, and bytes that are almost valid.
fn headers() -> impl Strategy<Value = HeaderMap> {
    let nearly = "[a-z]{0,3}(max-age|stale-while-revalidate|bytes|W/|no-cache|Thu, 01 Oct)[=\"0-9, *-]{0,40}";
    let value = prop_oneof![
        vec(any::<u8>(), 0..60),
        nearly.prop_map(String::into_bytes),
        "[0-9]{0,25}".prop_map(String::into_bytes),
        (vec(any::<u8>(), 0..4), 0usize..3_000).prop_map(|(member, n)| vec![member; n].join(&b',')),
    ];
    vec((select(NAMES.to_vec()), value), 0..10).prop_map(|fields| {
        let valid = fields.into_iter().filter_map(|(name, value)| {
            HeaderValue::from_bytes(&value)
                .ok()
                .map(|value| (name, value))
        });
        valid.fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_engine_panic(
        mut request in headers(),
        response in headers(),
        status in 100u16..1000,
        shared in any::<bool>(),
        // These clocks are before 1970 or beyond the range of a date.
        wall in -100_000_000_000i64..1_000_000_000_000,
        delay in any::<u32>(),
        later in any::<u32>(),
        length in any::<u64>(),
    ) {
        let mode = if shared { Mode::Shared } else { Mode::Private };
        let status = StatusCode::from_u16(status).expect("three digits");
        let control = ResponseControl::parse(response.get_all(header::CACHE_CONTROL));
        let targets = [HeaderName::from_static("cdn-cache-control")];
        let answer = Answer::read(&response);
        let targeted = ResponseControl::targeted(&response, &targets);
        let facts = RequestFacts::read(&Method::GET, &request, &Telling::default());
        let offset = Duration::from_secs(wall.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let wall = if wall < 0 { epoch.checked_sub(offset) } else { epoch.checked_add(offset) };
        let now = Instant::now();
        let arrival = Arrival {
            now,
            wall: wall.unwrap_or(epoch),
            delay: Duration::from_secs(delay.into()),
        };
        for control in [Some(control), targeted].into_iter().flatten() {
            let allowed = Permissions::default();
            let asking = Asking::from(&facts);
            let pieces = answer.pieces();
            let _ = storable::check(mode, asking, status, &answer, &control, pieces.as_ref(), allowed);
            let policy = Policy::new(mode, status, &answer, &control, false, None, arrival)
                .with_validators(&answer);
            for seconds in [0, later] {
                let freshness = Freshness::new(&policy, now + Duration::from_secs(seconds.into()));
                prop_assert!(freshness.ttl().is_zero() || freshness.staleness().is_zero());
                judge(&facts.control, &policy, freshness, false);
                may_stand_in(&facts.control, &policy, freshness, true);
            }
            conditional::not_modified(&request, &response, &policy);
            range::read(&request, &response, &policy, length);
        }
        let mut asked = http::Request::new(());
        asked.headers_mut().clone_from(&request);
        if let Some(selection) = Selection::new(&asked, &answer) {
            prop_assert!(selection.matches(&asked), "what was selected by a request matches it");
        }
        let control = ResponseControl::default();
        let policy = Policy::new(mode, status, &answer, &control, false, None, arrival)
            .with_validators(&answer);
        conditional::validate(&mut request, &response, &policy);
        let mut merged = response;
        merge::update(&mut merged, &request);
        merge::strip(&mut merged, &[]);
        prop_assert!(!merged.contains_key(header::CONNECTION));
    }
}
