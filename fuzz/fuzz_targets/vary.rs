//! Vary, and comparison of the fields it names.
#![no_main]

use http::{HeaderName, header};
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::fields::{halves, lines};
use scrimp_http::vary::{
    best_language, fields, is_disguised, is_same, line_fields, normal_value, only_language,
};

fuzz_target!(|data: &[u8]| {
    let (first, second) = halves(data);
    let vary = lines(&header::VARY, first);
    if let Some(names) = fields(vary.values()) {
        assert!(names.is_sorted_by(|a, b| a.as_str() < b.as_str()));
        assert!(
            vary.values()
                .flat_map(line_fields)
                .all(|name| name.is_some())
        );
    }
    for name in [
        header::ACCEPT_LANGUAGE,
        header::ACCEPT,
        HeaderName::from_static("x-tier"),
    ] {
        let (a, b) = (lines(&name, first), lines(&name, second));
        let (own, other) = (normal_value(&name, &a), normal_value(&name, &b));
        // What a request was selected by is what it is, and equality goes both ways.
        assert!(is_same(&name, own.as_deref(), &a) && is_same(&name, other.as_deref(), &b));
        assert_eq!(is_same(&name, own.as_deref(), &b), own == other);
        assert!(!is_disguised(&name, &a));
    }
    let _ = best_language(&lines(&header::ACCEPT_LANGUAGE, data));
    let _ = only_language(&lines(&header::CONTENT_LANGUAGE, data));
});
