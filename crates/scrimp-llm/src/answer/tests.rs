//! The forms of the vendors' documentation, shortened.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;
use Answer::{Complete, Cut, Failed, Refused, ToolCall, Unknown};

fn read(kind: &str, body: &str) -> Answer {
    Answer::read(&headers(kind), body.as_bytes())
}

fn headers(kind: &str) -> HeaderMap {
    only(&kind.parse().unwrap())
}

fn json(body: &str) -> Answer {
    read("application/json; charset=utf-8", body)
}

/// Reads a stream of events with these data.
fn events(data: &[&str]) -> Answer {
    let events: String = data
        .iter()
        .map(|data| format!("data: {data}\n\n"))
        .collect();
    read("text/event-stream; charset=utf-8", &events)
}

#[test]
fn documents_of_openai_and_its_kin() {
    let chat = |message: &str, reason: &str| {
        json(&format!(
            r#"{{"id":"chatcmpl-B9MBs8","object":"chat.completion","created":1741569952,"model":"gpt-4.1",
            "choices":[{{"index":0,"message":{message},"logprobs":null,"finish_reason":{reason}}}],
            "usage":{{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29}}}}"#
        ))
    };
    let said = r#"{"role":"assistant","content":"Hello!","refusal":null,"annotations":[],"tool_calls":null}"#;
    let asked = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"call_abc123","type":"function",
        "function":{"name":"get_weather","arguments":"{}"}}]}"#;
    let old =
        r#"{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}}"#;
    let refused = r#"{"role":"assistant","content":null,"refusal":"I can't help with that."}"#;
    for (message, reason, expected) in [
        (said, r#""stop""#, Complete),
        (said, r#""length""#, Cut),
        (said, r#""content_filter""#, Refused),
        (said, r#""error""#, Failed),
        (said, r#""a_new_one""#, Cut),
        (said, "null", Cut),
        (asked, r#""tool_calls""#, ToolCall),
        // Some servers say `stop` behind a call of a tool.
        (asked, r#""stop""#, ToolCall),
        (old, r#""function_call""#, ToolCall),
        (refused, r#""stop""#, Refused),
    ] {
        assert_eq!(chat(message, reason), expected, "{message} {reason}");
    }
    let two =
        r#"{"choices":[{"text":"a","finish_reason":"stop"},{"text":"b","finish_reason":null}]}"#;
    assert_eq!(json(two), Cut, "one of two choices has no end");
    assert_eq!(json(r#"{"choices":[]}"#), Unknown);
    let error = r#"{"error":{"message":"Rate limit reached","type":"tokens","code":"rate_limit_exceeded"}}"#;
    assert_eq!(json(error), Failed);
}

#[test]
fn responses_of_openai() {
    let response = |status: &str, more: &str, item: &str| {
        json(&format!(
            r#"{{"id":"resp_67cc","object":"response","status":"{status}","error":null,{more}
            "model":"gpt-4.1","output":[{{"type":"reasoning","id":"rs_1","summary":[]}},{item}],
            "tools":[{{"type":"function","name":"tool_calls","parameters":{{"type":"web_search_call"}}}}]}}"#
        ))
    };
    let message = r#"{"type":"message","id":"msg_1","status":"completed","role":"assistant",
        "content":[{"type":"output_text","text":"In a peaceful grove","annotations":[]}]}"#;
    let refusal = r#"{"type":"message","content":[{"type":"refusal","refusal":"No."}]}"#;
    let call =
        r#"{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}"}"#;
    let search = r#"{"type":"web_search_call","id":"ws_1","status":"completed"}"#;
    for (status, more, item, expected) in [
        ("completed", "", message, Complete),
        ("completed", "", refusal, Refused),
        ("completed", "", call, ToolCall),
        ("completed", "", search, ToolCall),
        ("in_progress", "", message, Cut),
        ("queued", "", message, Cut),
        (
            "incomplete",
            r#""incomplete_details":{"reason":"max_output_tokens"},"#,
            message,
            Cut,
        ),
        (
            "incomplete",
            r#""incomplete_details":{"reason":"content_filter"},"#,
            message,
            Refused,
        ),
        ("failed", "", message, Failed),
    ] {
        assert_eq!(
            response(status, more, item),
            expected,
            "{status} {more} {item}"
        );
    }
    let begun = r#"{"type":"response.created","response":{"object":"response","status":"in_progress","error":null,"output":[]}}"#;
    let added = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","status":"in_progress","content":[]}}"#;
    let delta = r#"{"type":"response.output_text.delta","item_id":"msg_1","delta":"Hi"}"#;
    let ended = r#"{"type":"response.completed","response":{"object":"response","status":"completed","error":null,"output":[]}}"#;
    let called =
        r#"{"type":"response.output_item.done","item":{"type":"function_call","name":"f"}}"#;
    let failed = r#"{"type":"response.failed","response":{"object":"response","status":"failed","error":{"code":"server_error"}}}"#;
    assert_eq!(events(&[begun, added, delta, ended]), Complete);
    assert_eq!(events(&[begun, added, delta]), Cut);
    assert_eq!(events(&[begun, called, ended]), ToolCall);
    assert_eq!(events(&[begun, failed]), Failed);
}

#[test]
fn messages_of_anthropic() {
    let message = |content: &str, reason: &str| {
        json(&format!(
            r#"{{"id":"msg_013Z","type":"message","role":"assistant","model":"claude-opus-4-1","content":[{content}],
            "stop_reason":"{reason}","stop_sequence":null,"usage":{{"input_tokens":10,"output_tokens":25}}}}"#
        ))
    };
    let text = r#"{"type":"text","text":"Hi! My name is Claude."}"#;
    let tool =
        r#"{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"location":"SF"}}"#;
    let server =
        r#"{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"x"}}"#;
    for (content, reason, expected) in [
        (text, "end_turn", Complete),
        (text, "stop_sequence", Complete),
        (text, "max_tokens", Cut),
        (text, "pause_turn", Cut),
        (text, "model_context_window_exceeded", Cut),
        (text, "refusal", Refused),
        (tool, "tool_use", ToolCall),
        (server, "end_turn", ToolCall),
    ] {
        assert_eq!(message(content, reason), expected, "{content} {reason}");
    }
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    assert_eq!(json(error), Failed);

    let start = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":25}}}"#;
    let block =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let call = r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#;
    let ping = r#"{"type":"ping"}"#;
    let ended = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#;
    let stop = r#"{"type":"message_stop"}"#;
    assert_eq!(events(&[start, block, ping, ended, stop]), Complete);
    assert_eq!(events(&[start, block, call, ended, stop]), ToolCall);
    assert_eq!(events(&[start, block, ping]), Cut);
    assert_eq!(events(&[start, block, error]), Failed);
}

#[test]
fn streams_of_chat() {
    let delta = |delta: &str, reason: &str| {
        format!(
            r#"{{"id":"c","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]}}"#
        )
    };
    let word = delta(r#"{"role":"assistant","content":"Hi"}"#, "null");
    let call = delta(r#"{"tool_calls":[{"index":0,"id":"call_1"}]}"#, "null");
    let stop = delta("{}", r#""stop""#);
    let usage = r#"{"object":"chat.completion.chunk","choices":[],"usage":{"total_tokens":3}}"#;
    assert_eq!(events(&[&word, &stop, usage, "[DONE]"]), Complete);
    assert_eq!(events(&[&word, "[DONE]"]), Cut);
    assert_eq!(events(&[&word, &call, &stop, "[DONE]"]), ToolCall);
    let error = r#"{"error":{"message":"The server had an error"}}"#;
    assert_eq!(events(&[&word, error]), Failed);
    assert_eq!(events(&[&word, "{", &stop]), Unknown, "malformed");
    // Comments, CRLF, and data in two lines.
    let (head, rest) = stop.split_at(1);
    let spelt = format!(": OPENROUTER PROCESSING\r\n\r\ndata: {head}\r\ndata:{rest}\r\n\r\n");
    assert_eq!(read("text/event-stream", &spelt), Complete);
    let named = format!("data: {stop}\n\nevent: error\ndata: overloaded\n\n");
    assert_eq!(read("text/event-stream", &named), Unknown, "no JSON");
    let named = "event: error\ndata: {\"message\":\"overloaded\"}\n\n";
    assert_eq!(read("text/event-stream", named), Failed);
}

#[test]
fn the_forms_of_gemini_bedrock_cohere_and_ollama() {
    let gemini = |part: &str, reason: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{part}],"role":"model"}}{reason},"index":0}}],"usageMetadata":{{"promptTokenCount":4}}}}"#
        )
    };
    let text = r#"{"text":"Hello"}"#;
    let call = r#"{"functionCall":{"name":"f","args":{}}}"#;
    let reason = |reason: &str| format!(r#","finishReason":"{reason}""#);
    assert_eq!(json(&gemini(text, &reason("STOP"))), Complete);
    assert_eq!(json(&gemini(text, &reason("MAX_TOKENS"))), Cut);
    assert_eq!(json(&gemini(text, &reason("SAFETY"))), Refused);
    assert_eq!(json(&gemini(call, &reason("STOP"))), ToolCall);
    assert_eq!(json(&gemini(text, "")), Cut);
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{}}"#;
    assert_eq!(json(blocked), Refused);
    let stream = [gemini(text, ""), gemini(text, &reason("STOP"))];
    assert_eq!(json(&format!("[{}]", stream.join(",\r\n"))), Complete);
    assert_eq!(events(&[&stream[0], &stream[1]]), Complete);

    let converse = |block: &str, reason: &str| {
        json(&format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":[{block}]}}}},"stopReason":"{reason}","usage":{{"inputTokens":30}}}}"#
        ))
    };
    let tool = r#"{"toolUse":{"toolUseId":"t","name":"f","input":{}}}"#;
    assert_eq!(converse(text, "end_turn"), Complete);
    assert_eq!(converse(text, "guardrail_intervened"), Refused);
    assert_eq!(converse(tool, "end_turn"), ToolCall);
    let frames = read("application/vnd.amazon.eventstream", "");
    assert_eq!(frames, Unknown);

    let cohere = |message: &str, reason: &str| {
        json(&format!(
            r#"{{"id":"c14","finish_reason":"{reason}","message":{{"role":"assistant",{message}}},"usage":{{}}}}"#
        ))
    };
    let said = r#""content":[{"type":"text","text":"The Ultimate"}]"#;
    let plan = r#""tool_plan":"I will","tool_calls":[{"id":"q","type":"function"}]"#;
    assert_eq!(cohere(said, "COMPLETE"), Complete);
    assert_eq!(cohere(said, "MAX_TOKENS"), Cut);
    assert_eq!(cohere(plan, "TOOL_CALL"), ToolCall);
    let end =
        r#"{"type":"message-end","id":"c14","delta":{"finish_reason":"COMPLETE","usage":{}}}"#;
    let start = r#"{"type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[]}}}"#;
    assert_eq!(events(&[start, end]), Complete);

    let ollama = |done: &str| {
        format!(r#"{{"model":"llama3.2","message":{{"role":"assistant","content":"Hi"}},{done}}}"#)
    };
    let stop = ollama(r#""done_reason":"stop","done":true,"total_duration":4"#);
    let lines = |last: &str| {
        let lines = format!("{}\n{last}\n", ollama(r#""done":false"#));
        read("application/x-ndjson", &lines)
    };
    assert_eq!(lines(&stop), Complete);
    assert_eq!(lines(&ollama(r#""done":true"#)), Complete);
    assert_eq!(lines(&ollama(r#""done":false"#)), Cut);
    assert_eq!(json(&ollama(r#""done_reason":"length","done":true"#)), Cut);
}

#[test]
fn embeddings_are_answers() {
    for body in [
        r#"{"object":"list","data":[{"object":"embedding","embedding":[0.002,-0.009],"index":0}],"model":"m"}"#,
        r#"{"object":"list","data":[{"object":"embedding","embedding":"AAAAPw==","index":0}]}"#,
        r#"{"embedding":{"values":[0.1,0.2]}}"#,
        r#"{"embeddings":[{"values":[0.1]}]}"#,
        r#"{"embeddings":{"float":[[0.1]]},"id":"x"}"#,
        r#"{"model":"all-minilm","embeddings":[[0.1]],"total_duration":1}"#,
    ] {
        assert_eq!(json(body), Complete, "{body}");
    }
    assert_eq!(json(r#"{"object":"list","data":[]}"#), Unknown);
    assert_eq!(json(r#"{"data":[{"embedding":[]}]}"#), Unknown);
}

#[test]
fn an_answer_in_a_coding_is_decoded_and_one_that_is_none_is_unknown() {
    let body = br#"{"choices":[{"message":{},"finish_reason":"stop"}]}"#;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut coded = headers("application/json");
    coded.insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(Answer::read(&coded, &gzip), Complete);
    assert_eq!(Answer::read(&coded, &gzip[..20]), Unknown);
    coded.insert("content-encoding", "x-secret".parse().unwrap());
    assert_eq!(Answer::read(&coded, body), Unknown);

    assert_eq!(read("text/html", "<html>"), Unknown);
    assert_eq!(
        Answer::read(&HeaderMap::new(), body),
        Unknown,
        "without a type"
    );
    for text in [
        "",
        "{",
        "null",
        "7",
        "\"stop\"",
        "{\"status\":\"completed\"}",
    ] {
        assert_eq!(json(text), Unknown, "{text}");
    }
    // What a user wrote is no member.
    let quoted = r#"{"choices":[{"message":{"content":"{\"tool_calls\":[1],\"error\":1}"},"finish_reason":"stop"}]}"#;
    assert_eq!(json(quoted), Complete);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(json(&deep), Unknown);
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LARGEST));
    assert_eq!(json(&long), Unknown);
}

proptest! {
    #[test]
    fn any_text_has_a_kind(
        body in "[\\[\\]{}:,\"a-z0-9 \n\\\\]{0,200}",
        kind in prop::sample::select(vec![
            "application/json", "text/event-stream", "application/x-ndjson", "application/json-seq",
        ]),
    ) {
        // Nothing is made up: no end, no answer.
        let has_end = ["stop", "embedding", "complete", "eos", "done"].iter().any(|end| body.contains(end));
        prop_assert!(has_end || read(kind, &body) != Complete);
    }
}
