//! Rules: each is written as text that parses to an equal one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_cache::Rule;
use scrimp_fuzz::cost::{SMALL, within};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match within(SMALL, || text.parse::<Rule>()) {
        Ok(rule) => {
            let written = rule.to_string();
            let again: Rule = written.parse().expect("a rule's own text");
            assert_eq!(again, rule, "{written}");
            assert_eq!(again.to_string(), written);
            // One word holds at most a few times what was written.
            assert!(written.len() <= 64 + 8 * text.len());
        }
        // An error quotes at most what was wrong.
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty() && message.len() <= 1_024 + 8 * text.len());
        }
    }
});
