//! GraphQL answers, and documents in which mutations hide.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use scrimp_batch::{BatchCodec, GraphQl};
use scrimp_core::KeyBuf;
use scrimp_fuzz::post;

fuzz_target!(|data: &[u8]| {
    let query = post(r#"{"query":"{a}"}"#);
    scrimp_fuzz::decode(
        &GraphQl::new(),
        &[query.clone(), query.clone(), query.clone()],
        data,
    );
    let document = String::from_utf8_lossy(data);
    let body = serde_json::json!({ "query": document }).to_string();
    let _ = GraphQl::new().admit(
        &query.into_parts().0,
        &Bytes::from(body),
        &mut KeyBuf::new(),
    );
});
