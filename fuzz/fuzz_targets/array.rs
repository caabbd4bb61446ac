//! Answers by index.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_batch::ArrayInput;
use scrimp_fuzz::post;

fuzz_target!(|data: &[u8]| {
    let inputs = ["\"a\"", "[\"b\",\"c\"]", "[\"d\"]"];
    let call = |input: &str| post(&format!("{{\"model\":\"m\",\"input\":{input}}}"));
    scrimp_fuzz::decode(&ArrayInput::new(), &inputs.map(call), data);
});
