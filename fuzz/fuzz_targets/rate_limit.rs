//! Fields about what is left of quotas.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::cost::{SMALL, within};
use scrimp_http::rate_limit::{QuotaRefill, QuotaStates};

fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let states = within(SMALL, || QuotaStates::read(&headers, now));
    // The longest window that counts.
    let longest = Duration::from_secs(32 * 86_400);
    for state in states.iter() {
        match state.refill {
            QuotaRefill::Steady { window } => assert!(window <= longest, "{state:?}"),
            QuotaRefill::AtOnce { after } => {
                assert!(after.is_none_or(|after| after <= longest), "{state:?}");
            }
        }
    }
    assert_eq!(states.is_empty(), states.iter().next().is_none());
});
