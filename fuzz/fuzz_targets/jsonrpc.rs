//! JSON-RPC answers: each caller gets its own under its own id.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_batch::JsonRpc;
use scrimp_fuzz::post;

fuzz_target!(|data: &[u8]| {
    let ids = ["7", "\"a\\u0062\"", "null"];
    let call = |id: &str| {
        post(&format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":{id}}}"
        ))
    };
    let answers = scrimp_fuzz::decode(&JsonRpc::new(), &ids.map(call), data);
    for (id, answer) in ids.iter().zip(answers) {
        if let Some(answer) = answer {
            let body = std::str::from_utf8(answer.body()).expect("spliced out of JSON");
            assert!(body.contains(id), "{body}");
        }
    }
});
