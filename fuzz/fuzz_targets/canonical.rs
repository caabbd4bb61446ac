//! The canonical form of JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_core::canonical_json;

fuzz_target!(|data: &[u8]| {
    let Some(form) = canonical_json(data) else {
        return;
    };
    // What has a form is JSON, and the form is its own.
    let json: serde_json::Value = serde_json::from_slice(data).expect("JSON");
    let again = canonical_json(&form.text).expect("the form is JSON");
    assert_eq!(again.text, form.text);
    if form.exact {
        assert!(again.exact);
    }
    let _ = json;
});
