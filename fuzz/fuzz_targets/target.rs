//! Target URIs and their equivalence.
#![no_main]

use http::{HeaderMap, Uri, header};
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::fields::{halves, lines};
use scrimp_http::target::{
    HostBytes, authority, has_userinfo, host_without_port, is_normal, names_another_host, normal,
    normal_authority, resolve,
};

fuzz_target!(|data: &[u8]| {
    let (first, second) = halves(data);
    if let Ok(text) = std::str::from_utf8(first) {
        let once = normal(text);
        assert_eq!(
            is_normal(text) && text.starts_with('/'),
            once == text && text.starts_with('/')
        );
        // An escape that shows another when it is taken out is left for the next reader: one
        // pass is what RFC 3986 §6.2.2 asks for.
        if !once.contains('%') {
            assert_eq!(normal(&once), once);
        }
        let host = normal_authority(text);
        assert_eq!(
            normal_authority(&text.to_ascii_uppercase()).len(),
            host.len()
        );
        assert!(host_without_port(host.as_bytes()).len() <= host.len());
    }
    let mut headers = lines(&header::HOST, second);
    if let Ok(uri) = Uri::try_from(first) {
        let own = authority(&uri, &headers).to_owned();
        assert!(!own.contains('@') || uri.authority().is_none());
        let _ = (has_userinfo(&uri), names_another_host(&uri, &headers));
        if let Ok(reference) = std::str::from_utf8(second)
            && let Some(resolved) = resolve(&own, &uri, reference)
        {
            assert!(!resolved.is_empty());
        }
        headers.clear();
        assert!(authority(&uri, &HeaderMap::new()).len() <= own.len() || uri.authority().is_some());
    }
    for value in lines(&header::HOST, first).values() {
        let bytes = HostBytes::of(value);
        assert!(!bytes.plain || value.to_str().is_ok());
    }
});
