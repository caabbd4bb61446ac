mod dialects;

use base64::prelude::*;
use proptest::prelude::*;
use scrimp_core::Currency;

use super::*;
use crate::{Rate, Tariff, TokenClass, TokenRates};

fn read(body: &str) -> Option<Usage> {
    let mut tap = Tap::new();
    tap.see(body.as_bytes());
    tap.usage()
}

/// Returns the cost of a usage in millionths of a dollar, at 1 for input, 0.1 for reading from the
/// cache, 1.25 and 2 for writing to it, and 10 for output.
fn millionths(body: &str) -> Option<f64> {
    let rate = |text: &str| Rate::per(text, 1_000_000);
    let rates = TokenRates::text(rate("1"), rate("10"))
        .with(TokenClass::CacheRead, rate("0.1"))
        .with(TokenClass::CacheWrite, rate("1.25"))
        .with(TokenClass::CacheWrite1h, rate("2"));
    let tariff = Tariff::new(Currency::USD).tokens(rates);
    let cost = tariff.cost(&read(body)?, std::time::UNIX_EPOCH, 0);
    Some((cost.unwrap().as_f64() * 1e9).round() / 1e3)
}

#[track_caller]
fn costs(usage: &str, expected: f64) {
    let body = format!("{{\"usage\":{usage}}}");
    assert_eq!(millionths(&body), Some(expected), "{usage}");
}

const OPENAI: &str = r#"{"id":"x","choices":[{"message":{"content":"say \"usage\": {\"prompt_tokens\": 9}"}}],
    "usage" : {"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
    "prompt_tokens_details":{"cached_tokens":40,"audio_tokens":10},
    "completion_tokens_details":{"reasoning_tokens":20}}}"#;

#[test]
fn a_json_answer_says_it_once() {
    let expected = Usage::text(50, 30)
        .with(TokenClass::CacheRead, 40)
        .with(TokenClass::InputAudio, 10)
        .with(TokenClass::Reasoning, 20);
    assert_eq!(read(OPENAI), Some(expected));
}

#[test]
fn a_stream_says_it_at_both_ends() {
    let body = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
        {\"input_tokens\":25,\"cache_read_input_tokens\":5,\"cache_creation_input_tokens\":7,\"output_tokens\":1}}}\n\n\
        : don't be confused by a quote: \"\n\n\
        data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\n\n";
    let expected = Usage::text(25, 15)
        .with(TokenClass::CacheRead, 5)
        .with(TokenClass::CacheWrite, 7);
    assert_eq!(read(body), Some(expected));
}

#[test]
fn an_event_is_read_whatever_earlier_events_left_open() {
    let event = "\n\ndata: {\"usage\":{\"input_tokens\":7,\"output_tokens\":3}}\n\n";
    for open in [
        "data: {\"a\":{\"b\":{\"c\":1",
        "data: {\"usage\":{\"input_tokens\":1",
        "data: {\"usage\":{\"x\":\"",
        "data: {\"usage\"",
        "data: {\"usage\":",
        "data: \"\\",
        "data: {\"eval_count\":1",
    ] {
        for end in ["\n", "\r\n", "\r"] {
            let stream = format!("{open}{event}").replace('\n', end);
            assert_eq!(read(&stream), Some(Usage::text(7, 3)), "{stream:?}");
        }
    }
}

#[test]
fn the_lines_of_one_event_are_one_document() {
    for end in ["\n", "\r\n", "\r"] {
        let event = "id: 1\ndata: {\ndata: \"usage\":\ndata: {\"prompt_tokens\": 7,\n\
                     data:\"completion_tokens\": 3}\ndata: }\n\n"
            .replace('\n', end);
        assert_eq!(read(&event), Some(Usage::text(7, 3)), "{event:?}");
    }
}

#[test]
fn events_without_a_blank_line_between_them_are_read_too() {
    let body = "data: {\"a\":1}\ndata: {\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n";
    assert_eq!(read(body), Some(Usage::text(7, 3)));
}

#[test]
fn lines_of_json_and_arrays_of_json_are_read_as_they_come() {
    let ollama = "{\"response\":\"a\",\"done\":false}\n\
        {\"response\":\"\",\"done\":true,\"prompt_eval_count\":26,\"eval_count\":298}\n";
    assert_eq!(read(ollama), Some(Usage::text(26, 298)));
    let gemini = "[{\"usageMetadata\":{\"promptTokenCount\":9,\"totalTokenCount\":9}}\n,\r\n\
        {\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":5,\"totalTokenCount\":14}}]";
    assert_eq!(read(gemini), Some(Usage::text(9, 5)));
    let indented =
        "\u{feff}{\n  \"usage\"\n:\n{\n \"prompt_tokens\"\n: 7, \"completion_tokens\": 3\n}\n}";
    assert_eq!(read(indented), Some(Usage::text(7, 3)));
}

/// Writes a frame of an AWS event stream, with a header and without checksums.
fn frame(payload: &str) -> Vec<u8> {
    let header = b"\x0b:event-type\x07\x00\x08met{\"adata";
    let total = u32::try_from(16 + header.len() + payload.len()).unwrap();
    let header_length = u32::try_from(header.len()).unwrap();
    let lengths = [total.to_be_bytes(), header_length.to_be_bytes()].concat();
    [
        &lengths,
        &b"{\"{\""[..],
        header,
        payload.as_bytes(),
        b"\"{{\"",
    ]
    .concat()
}

#[test]
fn the_frames_of_an_aws_event_stream_are_read() {
    let stream = [
        frame("{\"contentBlockIndex\":0,\"delta\":{\"text\":\"{\\\"usage\"}}"),
        frame(""),
        frame("{\"metrics\":{\"latencyMs\":1},\"usage\":{\"inputTokens\":7,\"outputTokens\":3}}"),
        vec![0, 0, 0, 1, 0, 0, 0, 9, 1, 1, 1, 1, 1],
    ]
    .concat();
    for step in [1, 5, stream.len()] {
        let mut tap = Tap::new();
        stream.chunks(step).for_each(|chunk| tap.see(chunk));
        assert_eq!(tap.usage(), Some(Usage::text(7, 3)), "{step}");
        assert_eq!(tap.guess(), 2);
    }
}

#[test]
fn documents_in_base64_are_read_where_a_frame_is_nothing_but_one() {
    let wrapped = |document: &str| BASE64_STANDARD.encode(document);
    let metrics = "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":\
        {\"inputTokenCount\":25,\"outputTokenCount\":15,\"firstByteLatency\":300}}";
    let start = "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":\
        {\"input_tokens\":25,\"output_tokens\":1}}}";
    let stream = [
        frame(&format!(
            "{{\"bytes\":\"{}\",\"p\":\"abcd\"}}",
            wrapped(start)
        )),
        frame(&format!(
            "{{ \"p\" : \"ab\", \"bytes\" : \"{}\" }}",
            wrapped(metrics)
        )),
    ]
    .concat();
    for step in [1, 7, stream.len()] {
        let mut tap = Tap::new();
        stream.chunks(step).for_each(|chunk| tap.see(chunk));
        assert_eq!(tap.usage(), Some(Usage::text(25, 15)), "{step}");
    }
    for payload in [
        format!("{{\"image\":{{\"bytes\":\"{}\"}}}}", wrapped(metrics)),
        format!("{{\"p\":\"\\\"\",\"bytes\":\"{}\"}}", wrapped(metrics)),
        format!("{{\"text\":1,\"bytes\":\"{}\"}}", wrapped(metrics)),
        format!("{{\"bytes\":\"{}\"}}", wrapped("a text {\"usage\"")),
    ] {
        let mut tap = Tap::new();
        tap.see(&frame(&payload));
        assert_eq!(tap.usage(), None, "{payload}");
    }
}

#[test]
fn nulls_and_nonsense_are_passed_over() {
    assert_eq!(read("data: {\"usage\":null}\n\ndata: [DONE]\n"), None);
    assert_eq!(read("{\"usage\":{\"disk\":\"90 %\"}}"), None);
    assert_eq!(
        read("{\"a\":{\"b\":{\"usage\":{\"prompt_tokens\":1}}}}"),
        None
    );
    assert_eq!(read("[\"usage\",{\"prompt_tokens\":1}]"), None);
}

#[test]
fn a_missing_field_takes_nothing_back() {
    let body = "data: {\"message\":{\"usage\":{\"input_tokens\":3000,\"cache_creation_input_tokens\":100,\
        \"cache_read_input_tokens\":12000,\"output_tokens\":1}}}\n\n\
        data: {\"usage\":{\"input_tokens\":0,\"output_tokens\":500}}\n\n\
        data: {\"usage\":{\"cache_read_input_tokens\":null,\"output_tokens\":20}}\n\n";
    let expected = Usage::text(3_000, 500)
        .with(TokenClass::CacheRead, 12_000)
        .with(TokenClass::CacheWrite, 100);
    assert_eq!(read(body), Some(expected));
}

#[test]
fn parts_of_a_count_do_not_count_twice_if_a_later_event_names_them() {
    let body = "data: {\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":0,\"total_tokens\":100}}\n\n\
        data: {\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":9,\"total_tokens\":109,\
        \"prompt_tokens_details\":{\"cached_tokens\":80}}}\n\n";
    let expected = Usage::text(20, 9).with(TokenClass::CacheRead, 80);
    assert_eq!(read(body), Some(expected));
}

#[test]
fn whole_numbers_are_read_as_floats_and_strings_too() {
    for (input, output) in [
        ("1000.0", "1e2"),
        ("\"1000\"", "\"100\""),
        ("\"1000.0\"", "\" 1e2 \""),
    ] {
        costs(
            &format!("{{\"prompt_tokens\":{input},\"completion_tokens\":{output}}}"),
            2_000.0,
        );
    }
}

#[test]
fn a_field_that_cannot_be_read_is_not_told_and_not_zero() {
    for bad in [
        "\"many\"", "-1", "12.5", "true", "{}", "[1]", "\"\"", "1e300", "\"-5\"", "\"NaN\"",
    ] {
        for body in [
            format!("{{\"usage\":{{\"prompt_tokens\":{bad},\"completion_tokens\":100}}}}"),
            format!("{{\"usage\":{{\"prompt_tokens\":100,\"completion_tokens\":{bad}}}}}"),
            format!("{{\"usageMetadata\":{{\"promptTokenCount\":{bad}}}}}"),
        ] {
            assert_eq!(read(&body), None, "{body}");
        }
        let other = format!(
            "data: {{\"usage\":{{\"prompt_tokens\":{bad},\"completion_tokens\":100}}}}\n\n\
             data: {{\"usage\":{{\"prompt_tokens\":5}}}}\n\n"
        );
        assert_eq!(read(&other), Some(Usage::text(5, 100)), "{other}");
    }
    let half = Tap::new();
    let mut tap = half;
    tap.see(b"{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":\"many\"}}");
    let told = tap.told().unwrap();
    assert_eq!((told.prompt, told.completion), (true, false));
}

#[test]
fn the_outermost_usage_of_a_document_counts_wherever_it_stands() {
    let real = "\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100}";
    let inner = "\"metadata\":{\"usage\":{\"prompt_tokens\":90000,\"completion_tokens\":1}}";
    for body in [
        format!("{{{real},{inner}}}"),
        format!("{{{inner},{real}}}"),
        format!("data: {{{inner},{real}}}\n\n"),
    ] {
        assert_eq!(read(&body), Some(Usage::text(1_000, 100)), "{body}");
    }
    let other = format!("{{\"usage\":{{\"disk\":1}},\"message\":{{{real}}}}}");
    assert_eq!(read(&other), Some(Usage::text(1_000, 100)));
}

#[test]
fn memory_stays_small_however_long_the_answer() {
    let mut tap = Tap::new();
    tap.see(b"{\"usage\":{\"x\":\"");
    for _ in 0..10_000 {
        tap.see(&[b'y'; 1_000]);
    }
    assert!(tap.memory() < 80_000);
    // What follows is read again.
    tap.see(b"\"},\"message\":{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}}");
    assert_eq!(tap.usage(), Some(Usage::text(7, 3)));
}

#[test]
fn what_was_cut_off_is_guessed_by_events_or_bytes() {
    let mut tap = Tap::new();
    tap.see(b"data: {\"a\":1}\n\ndata: {\"a\":2}\n\nda");
    assert_eq!(tap.guess(), 2);
    let mut tap = Tap::new();
    tap.see(&[b'x'; 400]);
    assert_eq!(tap.guess(), 100);
}

proptest! {
    #[test]
    fn chunks_may_end_anywhere(cuts in proptest::collection::vec(0..OPENAI.len(), 0..8)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut tap = Tap::new();
        let mut start = 0;
        for cut in cuts.into_iter().chain([OPENAI.len()]) {
            tap.see(&OPENAI.as_bytes()[start..cut]);
            start = cut;
        }
        prop_assert_eq!(tap.usage(), read(OPENAI));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        Tap::new().see(&bytes);
    }

    #[test]
    fn no_report_panics_and_no_count_is_lost(
        counts in proptest::collection::vec(any::<u64>(), 6),
    ) {
        let body = format!(
            "{{\"usage\":{{\"input_tokens\":{},\"output_tokens\":{},\"total_tokens\":{},\
             \"cache_read_input_tokens\":{},\"cache_creation_input_tokens\":{},\
             \"reasoning_tokens\":{}}}}}",
            counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]
        );
        let usage = read(&body).unwrap();
        prop_assert!(usage.prompt() >= counts[0] && usage.completion() >= counts[1]);
    }

    /// A provider that counts thoughts, tools and the cache on top of its counts, or within them,
    /// is understood by its total alone.
    #[test]
    fn what_adds_up_to_the_total_is_believed(
        prompt in 1_000u64..9_000, completion in 1_000u64..9_000,
        cache in 1u64..900, thoughts in 1u64..900,
        cache_on_top: bool, thoughts_on_top: bool,
    ) {
        prop_assume!(cache != thoughts);
        let on_top = |on: bool, count: u64| if on { count } else { 0 };
        let total = prompt + completion + on_top(cache_on_top, cache)
            + on_top(thoughts_on_top, thoughts);
        let body = format!(
            "{{\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\
             \"cache_read_input_tokens\":{cache},\"reasoning_tokens\":{thoughts},\
             \"total_tokens\":\"{total}\"}}}}"
        );
        let usage = read(&body).unwrap();
        prop_assert_eq!(usage.prompt(), prompt + on_top(cache_on_top, cache));
        prop_assert_eq!(usage.completion(), completion + on_top(thoughts_on_top, thoughts));
        prop_assert_eq!(usage.tokens(TokenClass::CacheRead), cache);
    }
}
