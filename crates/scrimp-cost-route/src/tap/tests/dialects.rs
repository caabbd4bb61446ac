//! The meaning of each provider's counts.

use super::*;

#[test]
fn the_total_decides_whether_thoughts_come_on_top() {
    let chat = |total: &str| {
        format!(
            "{{\"prompt_tokens\":100,\"completion_tokens\":50{total},\
             \"completion_tokens_details\":{{\"reasoning_tokens\":30}}}}"
        )
    };
    costs(&chat(",\"total_tokens\":180"), 100.0 + 800.0);
    costs(&chat(",\"total_tokens\":150"), 100.0 + 500.0);
    costs(&chat(",\"total_tokens\":155"), 100.0 + 500.0);
    costs(&chat(""), 100.0 + 500.0);
    let more = "{\"prompt_tokens\":100,\"completion_tokens\":10,\"reasoning_tokens\":30}";
    costs(more, 100.0 + 400.0);
    let gemini = |total: &str| {
        let body = format!(
            "{{\"usageMetadata\":{{\"promptTokenCount\":100,\"candidatesTokenCount\":50,\
             \"thoughtsTokenCount\":30{total}}}}}"
        );
        millionths(&body)
    };
    assert_eq!(gemini(",\"totalTokenCount\":180"), Some(900.0));
    assert_eq!(gemini(",\"totalTokenCount\":150"), Some(600.0));
    assert_eq!(gemini(""), Some(900.0));
}

#[test]
fn a_side_that_is_not_said_is_taken_from_the_total() {
    costs("{\"prompt_tokens\":8,\"total_tokens\":8}", 8.0);
    costs("{\"total_tokens\":8}", 8.0);
    costs("{\"completion_tokens\":3,\"total_tokens\":8}", 5.0 + 30.0);
    let mut tap = Tap::new();
    tap.see(b"{\"usage\":{\"prompt_tokens\":8}}");
    let told = tap.told().unwrap();
    assert_eq!((told.prompt, told.completion), (true, false));
}

#[test]
fn tokens_of_a_cache_are_within_the_prompt_or_on_top_as_each_provider_means_it() {
    // Anthropic, Bedrock.
    costs(
        "{\"input_tokens\":10,\"output_tokens\":1,\"cache_read_input_tokens\":100,\
         \"cache_creation_input_tokens\":100}",
        10.0 + 10.0 + 10.0 + 125.0,
    );
    costs(
        "{\"inputTokens\":1000,\"outputTokens\":10,\"totalTokens\":1110,\
         \"cacheReadInputTokens\":50,\"cacheWriteInputTokens\":50,\
         \"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":20},{\"ttl\":\"5m\",\"inputTokens\":30}]}",
        1_000.0 + 100.0 + 5.0 + 37.5 + 40.0,
    );
    // A gateway that says OpenAI's and Anthropic's names at once.
    let both = |total: u32| {
        format!(
            "{{\"prompt_tokens\":1000,\"completion_tokens\":10,\"total_tokens\":{total},\
             \"cache_read_input_tokens\":900,\"prompt_tokens_details\":{{\"cached_tokens\":900}}}}"
        )
    };
    costs(&both(1_010), 100.0 + 90.0 + 100.0);
    costs(&both(1_910), 1_000.0 + 90.0 + 100.0);
    costs(
        "{\"input_tokens\":1000,\"output_tokens\":10,\"cache_read_input_tokens\":900,\
         \"input_tokens_details\":{\"cached_tokens\":900}}",
        100.0 + 90.0 + 100.0,
    );
    // DashScope and LiteLLM say in the details what they wrote, and for how long.
    costs(
        "{\"prompt_tokens\":1000,\"completion_tokens\":0,\"prompt_tokens_details\":{\"cached_tokens\":100,\
         \"cache_creation_input_tokens\":400,\"cache_creation\":{\"ephemeral_1h_input_tokens\":400}}}",
        500.0 + 10.0 + 800.0,
    );
    costs(
        "{\"input_tokens\":1000,\"output_tokens\":0,\"total_tokens\":1000,\
         \"input_token_details\":{\"cache_read\":100,\"cache_creation\":400}}",
        500.0 + 10.0 + 500.0,
    );
    // DeepSeek; OpenRouter, which also says what it wrote.
    costs(
        "{\"prompt_cache_hit_tokens\":900,\"prompt_cache_miss_tokens\":100,\"completion_tokens\":10}",
        100.0 + 90.0 + 100.0,
    );
    costs(
        "{\"prompt_tokens\":1000,\"completion_tokens\":10,\"total_tokens\":1010,\
         \"prompt_tokens_details\":{\"cached_tokens\":500,\"cache_write_tokens\":400}}",
        100.0 + 50.0 + 500.0 + 100.0,
    );
}

#[test]
fn gemini_counts_thoughts_tools_and_media_apart() {
    let body = r#"{"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":3,"cachedContentTokenCount":4}}"#;
    let expected = Usage::text(6, 5)
        .with(TokenClass::CacheRead, 4)
        .with(TokenClass::Reasoning, 3);
    assert_eq!(read(body), Some(expected));
    let body = r#"{"usage_metadata":{"prompt_token_count":10,"candidates_token_count":5,"total_token_count":22,
        "tool_use_prompt_token_count":7,"prompt_tokens_details":[{"modality":"TEXT","token_count":4},
        {"modality":"AUDIO","token_count":6}],"cache_tokens_details":null}}"#;
    let expected = Usage::text(11, 5).with(TokenClass::InputAudio, 6);
    assert_eq!(read(body), Some(expected));
}

#[test]
fn an_interaction_of_gemini_counts_thoughts_and_tools_on_top() {
    let usage = r#"{"total_tokens":1171,"total_input_tokens":1000,"total_output_tokens":50,
        "total_cached_tokens":400,"total_thought_tokens":90,"total_tool_use_tokens":31,
        "input_tokens_by_modality":[{"modality":"text","tokens":700},{"modality":"audio","tokens":300}]}"#;
    let expected = Usage::text(1_000 - 400 - 300 + 31, 50)
        .with(TokenClass::CacheRead, 400)
        .with(TokenClass::InputAudio, 300)
        .with(TokenClass::Reasoning, 90);
    let whole = format!("{{\"id\":\"v1\",\"status\":\"completed\",\"usage\":{usage}}}");
    assert_eq!(read(&whole), Some(expected));
    let usage = usage.replace('\n', " ");
    let event = format!(
        "event: interaction.complete\ndata: {{\"event_type\":\"interaction.complete\",\
         \"interaction\":{{\"id\":\"v1\",\"usage\":{usage}}}}}\n\n"
    );
    assert_eq!(read(&event), Some(expected));
}

#[test]
fn counts_beside_the_text_are_those_of_watsonx_inference_servers_and_bedrocks_models() {
    let watsonx = r#"{"model_id":"m","results":[{"generated_text":"hi","generated_token_count":10,
        "input_token_count":100,"stop_reason":"eos_token"}]}"#;
    assert_eq!(millionths(watsonx), Some(200.0));
    let details = r#"{"generated_text":"hi","details":{"finish_reason":"length","generated_tokens":20,
        "prefill":[],"tokens":[{"id":1,"text":"x"}]}}"#;
    assert_eq!(millionths(details), Some(200.0));
    let titan = r#"{"outputText":"hi","index":0,"totalOutputTextTokenCount":3,"inputTextTokenCount":5,
        "completionReason":"FINISH"}"#;
    assert_eq!(millionths(titan), Some(35.0));
    let hunyuan = r#"{"Response":{"RequestId":"r","Choices":[],
        "Usage":{"PromptTokens":10,"CompletionTokens":2,"TotalTokens":12}}}"#;
    assert_eq!(millionths(hunyuan), Some(30.0));
    // Text of an answer that looks like a count is none.
    assert_eq!(
        millionths(r#"{"generated_text":"\"generated_tokens\":9"}"#),
        None
    );
}

#[test]
fn cohere_is_paid_for_what_it_bills() {
    costs(
        "{\"billed_units\":{\"input_tokens\":100.0,\"output_tokens\":10},\
         \"tokens\":{\"input_tokens\":900,\"output_tokens\":11}}",
        200.0,
    );
    let embedding = "{\"meta\":{\"billed_units\":{\"input_tokens\":100}}}";
    assert_eq!(millionths(embedding), Some(100.0));
    for body in [
        "{\"meta\":{\"billed_units\":{\"input_tokens\":100,\"output_tokens\":10}}}",
        "data: {\"response\":{\"meta\":{\"billed_units\":{\"input_tokens\":100,\"output_tokens\":10}}}}\n\n",
        "data: {\"delta\":{\"usage\":{\"billed_units\":{\"input_tokens\":100,\"output_tokens\":10}}}}\n\n",
    ] {
        assert_eq!(millionths(body), Some(200.0), "{body}");
    }
}

#[test]
fn a_provider_may_state_its_own_cost() {
    let stated = |usage: &str| {
        let mut tap = Tap::new();
        tap.see(format!("{{\"usage\":{usage}}}").as_bytes());
        tap.stated_cost().map(|cost| cost.to_string())
    };
    let expected = Some("$0.00123".to_owned());
    assert_eq!(stated("{\"cost\":0.00123}"), expected);
    assert_eq!(stated("{\"cost\":\"0.00123\"}"), expected);
    assert_eq!(stated("{\"cost\":{\"total_cost\":1.23e-3}}"), expected);
    assert_eq!(stated("{\"cost_in_usd_ticks\":12300000}"), expected);
    assert_eq!(stated("{\"cost\":\"cheap\"}"), None);
    assert_eq!(stated("{\"cost\":-1}"), None);
    assert_eq!(stated("{\"prompt_tokens\":1}"), None);
}
