//! Verdicts of other caches: Cache-Status, and the words of vendors.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::{
    cost::{SMALL, within},
    fields::lines,
};
use scrimp_http::cache_status::{CacheVerdict, detail};

/// Splits at commas outside quotes, byte by byte.
fn members(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut all, mut quoted, mut escaped) = (vec![Vec::new()], false, false);
    for &byte in line {
        let separates = byte == b',' && !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        match separates {
            true => all.push(Vec::new()),
            false => all.last_mut().expect("one at least").push(byte),
        }
    }
    all
}

fn under(name: &HeaderName, value: &[u8]) -> HeaderMap {
    let value = HeaderValue::from_bytes(value).expect("part of a value");
    [(name.clone(), value)].into_iter().collect()
}

fuzz_target!(|data: &[u8]| {
    let headers = lines(&header::CACHE_STATUS, data);
    let verdict = within(SMALL, || CacheVerdict::read(&headers)).expect("a line gives a verdict");
    assert_eq!(verdict.stale, verdict.ttl.is_some_and(|ttl| ttl < 0));
    // Only the cache nearest to the reader counts, and it is the last.
    let last = headers.get_all(header::CACHE_STATUS).iter().next_back();
    let last = members(last.expect("a line").as_bytes())
        .pop()
        .expect("one");
    let alone = under(&header::CACHE_STATUS, &last);
    assert_eq!(CacheVerdict::read(&alone), Some(verdict));
    assert_eq!(detail(&alone), detail(&headers));
    assert!(detail(&headers).is_none_or(|text| text.len() <= last.len()));
    for name in ["x-cache", "x-cache-status", "cf-cache-status", "x-varnish"] {
        let name = HeaderName::from_static(name);
        let words = lines(&name, data);
        let said = CacheVerdict::read(&words).expect("a line gives a verdict");
        assert!(!said.stale || said.hit == Some(true));
        // Cache-Status is the standard's, and comes first.
        let mut both = headers.clone();
        both.extend(words);
        assert_eq!(CacheVerdict::read(&both), Some(verdict));
    }
});
