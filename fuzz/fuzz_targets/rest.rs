//! Answers in a JSON envelope.
#![no_main]

use bytes::Bytes;
use http::Request;
use libfuzzer_sys::fuzz_target;
use scrimp_batch::RestJson;

fuzz_target!(|data: &[u8]| {
    let get = |n: u8| {
        Request::get(format!("http://api.example.com/{n}"))
            .body(Bytes::new())
            .unwrap()
    };
    scrimp_fuzz::decode(&RestJson::new("/batch"), &[get(1), get(2), get(3)], data);
});
