//! Structured fields (RFC 9651): groups of a cache, and queries that do not count.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::{
    cost::{SMALL, within},
    fields::lines,
};
use scrimp_http::{
    groups::{self, CACHE_GROUP_INVALIDATION, CACHE_GROUPS},
    no_vary_search::{Ignored, NO_VARY_SEARCH, SearchVariance},
};

/// Returns the same field in one line.
fn joined(name: &HeaderName, headers: &HeaderMap) -> HeaderMap {
    let all: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let value = HeaderValue::from_bytes(&all.join(&b", "[..])).expect("values and commas");
    [(name.clone(), value)].into_iter().collect()
}

fuzz_target!(|data: &[u8]| {
    for name in [CACHE_GROUPS, CACHE_GROUP_INVALIDATION] {
        let headers = lines(&name, data);
        let named = within(SMALL, || groups::groups(&headers, &name));
        assert_eq!(groups::groups(&joined(&name, &headers), &name), named);
        // A line's end is one byte here, and a comma and a space inside a string across lines.
        assert!(named.iter().map(String::len).sum::<usize>() <= 2 * data.len());
        // A list of strings can be written, and is read back.
        let quoted: Vec<_> = named
            .iter()
            .map(|group| format!("{:?}", group.as_str()))
            .collect();
        let written = lines(&name, quoted.join(", ").as_bytes());
        assert_eq!(groups::groups(&written, &name), named);
    }
    let headers = lines(&NO_VARY_SEARCH, data);
    let variance = within(SMALL, || SearchVariance::read(&headers));
    assert_eq!(
        SearchVariance::read(&joined(&NO_VARY_SEARCH, &headers)),
        variance
    );
    if let Some(SearchVariance { ordered, ignored }) = variance {
        // What makes no difference to any query is no variance.
        assert!(!ordered || ignored != Ignored::These(Vec::new()));
    }
});
