//! Cache-Control of requests and responses, targeted fields, lifetimes.
#![no_main]

use http::header;
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::fields::{halves, lines};
use scrimp_http::cache_control::{
    CDN_CACHE_CONTROL, RequestControl, ResponseControl, expires_after_date, pragma_no_cache,
};

fuzz_target!(|data: &[u8]| {
    let (some, more) = halves(data);
    let mut headers = lines(&header::CACHE_CONTROL, some);
    let less = ResponseControl::read(&headers);
    for value in lines(&header::CACHE_CONTROL, more).values() {
        headers.append(header::CACHE_CONTROL, value.clone());
    }
    let all = ResponseControl::read(&headers);
    // One line more forbids more, and never makes a response fresher.
    let fresh = |control: &ResponseControl| control.shared_lifetime();
    if let (Some(before), Some(after)) = (less.max_age, all.max_age) {
        assert!(after <= before);
    }
    assert!(all.no_store >= less.no_store && all.private >= less.private);
    assert!(all.no_cache >= less.no_cache && all.malformed >= less.malformed);
    assert!(all.withheld.starts_with(&less.withheld));
    assert!(fresh(&all).is_none_or(|time| time.as_secs() <= 1 << 31));
    let asked = RequestControl::read(&headers);
    let mut tame = asked.clone();
    tame.drop_demands();
    assert!(!tame.wants_fresh() && tame.max_stale == asked.max_stale);
    let targeted = lines(&CDN_CACHE_CONTROL, data);
    if let Some(control) = ResponseControl::targeted(&targeted, &[CDN_CACHE_CONTROL]) {
        assert!(control.targeted && !control.malformed);
    }
    let _ = pragma_no_cache(&lines(&header::PRAGMA, data));
    let mut dated = lines(&header::EXPIRES, some);
    dated.extend(lines(&header::DATE, more));
    let _ = expires_after_date(&dated);
});
