//! Usage objects in the words of each provider.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_cost_route::{Tap, TokenClass, Usage};
use scrimp_fuzz::cost::{SMALL, within};
use serde_json::{Map, Value};

fn read(object: &str) -> Option<Usage> {
    let mut tap = Tap::new();
    tap.see(format!("{{\"usage\":{object}}}").as_bytes());
    tap.usage()
}

fuzz_target!(|data: &[u8]| {
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(data) else {
        return;
    };
    let text = Value::Object(object.clone()).to_string();
    if text.len() > 8_000 {
        return;
    }
    let usage = within(SMALL, || read(&text));
    let number = |names: [&str; 2]| names.iter().find_map(|name| object.get(*name)?.as_u64());
    // The order of members and white space between them make no difference.
    let backwards: Vec<_> = object
        .iter()
        .rev()
        .map(|(name, value)| format!(" {} :\n{value} ", Value::from(name.as_str())))
        .collect();
    let backwards = format!("{{{}}}", backwards.join(","));
    if backwards.len() <= 8_000 {
        assert_eq!(read(&backwards), usage);
    }
    let Some(usage) = usage else {
        return;
    };
    // A report that comes twice is counted once.
    let mut tap = Tap::new();
    tap.see(format!("{{\"usage\":{text}}}\n{{\"usage\":{text}}}").as_bytes());
    assert_eq!(tap.usage(), Some(usage));
    // Cohere bills other counts than it used.
    if text.to_lowercase().contains("billed") {
        return;
    }
    // No token of an answer is lost, and none of the prompt.
    let total = |classes: &[TokenClass]| -> u128 {
        classes
            .iter()
            .map(|class| u128::from(usage.tokens(*class)))
            .sum()
    };
    let (input, output) = TokenClass::ALL.split_at(9);
    if let Some(answer) = number(["completion_tokens", "output_tokens"]) {
        assert!(total(output) >= u128::from(answer), "{usage:?}");
    }
    if let Some(prompt) = number(["prompt_tokens", "input_tokens"]) {
        assert!(total(input) >= u128::from(prompt), "{usage:?}");
    }
    assert_eq!((usage.bytes_in, usage.bytes_out), (0, 0));
});
