//! Dates in three formats.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_http::date::{format, parse};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let date = parse(text);
    assert_eq!(
        parse(&text.to_ascii_uppercase()),
        date,
        "case makes no difference"
    );
    // What can be read can be written, and is read back as the same moment.
    if let Some(date) = date {
        let written = format(date).expect("a year of four digits");
        assert_eq!(parse(written.to_str().expect("ASCII")), Some(date));
    }
});
