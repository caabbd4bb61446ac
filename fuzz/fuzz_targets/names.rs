//! Field names: the parts they play, and whether `_` and `-` make a difference.
#![no_main]

use http::HeaderName;
use libfuzzer_sys::fuzz_target;
use scrimp_http::{
    credentials::{Credentials, KNOWN},
    names::{begins, equal, is_disguised},
    role::{Role, role},
    trace_fields::is_trace_field,
};

fuzz_target!(|data: &[u8]| {
    let Ok(name) = HeaderName::from_bytes(data) else {
        return;
    };
    let text = name.as_str();
    let plain = HeaderName::try_from(text.replace('_', "-")).expect("still a name");
    assert_eq!(role(&name), role(&plain));
    assert_eq!(is_trace_field(&name), is_trace_field(&plain));
    // The filter in front of the list changes nothing but time.
    let listed = KNOWN.names().iter().any(|known| equal(known, text))
        || KNOWN.prefixes().iter().any(|prefix| begins(text, prefix));
    assert_eq!(Credentials::default().contains(&name), listed);
    assert_eq!(role(&name) == Role::Credential, listed);
    assert!(Credentials::none().with(name.clone()).contains(&plain));
    assert!(!Credentials::default().without(&plain).contains(&name));
    assert_eq!(is_disguised(&name), text.contains('_'));
});
