//! Answers of language models: their ends, and names of models in requests.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri};
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::cost::{SMALL, within};
use scrimp_llm::{Answer, model};

const KINDS: [&str; 4] = [
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "application/json-seq",
];

fuzz_target!(|data: &[u8]| {
    for kind in KINDS {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        let answer = within(SMALL, || Answer::read(&headers, data));
        // Each of them is read as a whole, and says the same again.
        assert_eq!(
            answer,
            Answer::read_bytes(&headers, &Bytes::copy_from_slice(data))
        );
    }
    // What is renamed is read back, and no other byte has changed.
    let body = Bytes::copy_from_slice(data);
    let mut uri = Uri::from_static("/v1/chat/completions");
    if let Some(name) = within(SMALL, || model::named(&uri, Some(&body))) {
        let mut renamed = body.clone();
        model::rename(&mut uri, &mut renamed, &name, "another");
        assert_eq!(
            model::named(&uri, Some(&renamed)).as_deref(),
            Some("another")
        );
        let ends = body.len().abs_diff(renamed.len());
        assert!(ends <= body.len() + "\"another\"".len());
        let same = body.iter().zip(renamed.iter()).take_while(|(a, b)| a == b);
        let same = same.count();
        let tail = body.iter().rev().zip(renamed.iter().rev());
        let tail = tail.take_while(|(a, b)| a == b).count();
        assert!(same + tail + "\"another\"".len() >= renamed.len());
    }
});
