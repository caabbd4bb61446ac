//! Names of usage fields, by provider.

use serde_json::{Map, Value};

use crate::{TokenClass, Usage};

/// Reads a usage object; what it leaves out stays as it was in an earlier one.
pub(super) fn read(json: &[u8], earlier: Option<Usage>) -> Option<Usage> {
    let object: Map<String, Value> = serde_json::from_slice(json).ok()?;
    let before = earlier.unwrap_or_default();
    if object.contains_key("promptTokenCount") || object.contains_key("candidatesTokenCount") {
        return Some(gemini(&object, before));
    }
    let known = [
        "prompt_tokens",
        "input_tokens",
        "completion_tokens",
        "output_tokens",
    ];
    if !known.iter().any(|name| object.contains_key(*name)) {
        return None;
    }
    let usage = input(&object, before);
    Some(output(&object, usage))
}

fn number(object: &Map<String, Value>, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| object.get(*name)?.as_u64())
}

fn detail(object: &Map<String, Value>, of: [&str; 2], name: &str) -> u64 {
    let details = of.iter().find_map(|key| object.get(*key)?.as_object());
    details
        .and_then(|details| details.get(name)?.as_u64())
        .unwrap_or(0)
}

/// Reads the tokens of the prompt. OpenAI's count holds the cached ones, Anthropic's leaves them
/// out.
fn input(object: &Map<String, Value>, before: Usage) -> Usage {
    let Some(prompt) = number(object, &["prompt_tokens", "input_tokens"]) else {
        return before;
    };
    let apart = number(object, &["cache_read_input_tokens"]);
    let written_apart = number(object, &["cache_creation_input_tokens"]);
    let of = ["prompt_tokens_details", "input_tokens_details"];
    let audio = detail(object, of, "audio_tokens");
    let image = detail(object, of, "image_tokens");
    if object.contains_key("input_tokens") && (apart.is_some() || written_apart.is_some()) {
        let hour = object
            .get("cache_creation")
            .and_then(|c| c.get("ephemeral_1h_input_tokens")?.as_u64())
            .unwrap_or(0);
        return before
            .with(TokenClass::Input, prompt)
            .with(TokenClass::CacheRead, apart.unwrap_or(0))
            .with(
                TokenClass::CacheWrite,
                written_apart.unwrap_or(0).saturating_sub(hour),
            )
            .with(TokenClass::CacheWrite1h, hour);
    }
    let cached = detail(object, of, "cached_tokens");
    let written = detail(object, of, "cache_creation_tokens");
    let rest = [cached, written, audio, image]
        .iter()
        .fold(prompt, |rest, part| rest.saturating_sub(*part));
    before
        .with(TokenClass::Input, rest)
        .with(TokenClass::CacheRead, cached)
        .with(TokenClass::CacheWrite, written)
        .with(TokenClass::InputAudio, audio)
        .with(TokenClass::InputImage, image)
}

fn output(object: &Map<String, Value>, before: Usage) -> Usage {
    let Some(completion) = number(object, &["completion_tokens", "output_tokens"]) else {
        return before;
    };
    let of = ["completion_tokens_details", "output_tokens_details"];
    let reasoning = detail(object, of, "reasoning_tokens");
    let audio = detail(object, of, "audio_tokens");
    let rest = completion.saturating_sub(reasoning).saturating_sub(audio);
    before
        .with(TokenClass::Output, rest)
        .with(TokenClass::Reasoning, reasoning)
        .with(TokenClass::OutputAudio, audio)
}

/// Reads Gemini's counts, where thoughts come on top of the candidates.
fn gemini(object: &Map<String, Value>, before: Usage) -> Usage {
    let get = |name| number(object, &[name]).unwrap_or(0);
    let cached = get("cachedContentTokenCount");
    before
        .with(
            TokenClass::Input,
            get("promptTokenCount").saturating_sub(cached),
        )
        .with(TokenClass::CacheRead, cached)
        .with(TokenClass::Output, get("candidatesTokenCount"))
        .with(TokenClass::Reasoning, get("thoughtsTokenCount"))
}
