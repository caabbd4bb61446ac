//! Finds the party at fault for an answer with an error status: the provider, the caller, or both as
//! they do not fit together.

use http::{StatusCode, response};
use scrimp_http::status::is_passing;
use serde_json::Value;

/// Longest body of an error that is looked at, in bytes.
pub(super) const MOST: usize = 16 * 1024;

/// Fault that an answer reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// None that another provider could do better about.
    None,
    /// The provider fails, or refuses its own credential.
    Provider,
    /// The provider refuses the caller's credential.
    Caller,
    /// The provider does not have the model.
    Model,
    /// The request is too large for the provider, or its prompt for the model.
    TooLarge,
}

/// Codes and types by which providers say that a prompt is too long.
const TOO_LARGE: &[&str] = &[
    "context_length_exceeded",
    "context_window_exceeded",
    "exceed_context_size_error",
    "request_too_large",
    "prompt_too_long",
    "string_above_max_length",
];

/// Words of the same in messages: OpenAI, vLLM, DeepSeek, OpenRouter; Anthropic; Bedrock; xAI;
/// Gemini; Cohere; Groq and Mistral; llama.cpp; Together and TGI.
const TOO_LARGE_WORDS: &[&str] = &[
    "context length",
    "context window",
    "prompt is too long",
    "input is too long",
    "maximum prompt length",
    "exceeds the maximum number of tokens",
    "too many tokens",
    "too large for model",
    "available context size",
    "`inputs` tokens + `max_new_tokens`",
];

/// Codes by which providers say that they do not have a model.
const NO_MODEL: &[&str] = &[
    "model_not_found",
    "deploymentnotfound",
    "invalid_model",
    "model_not_available",
    "unknown_model",
];

/// Words of the same in messages that are about a model.
const NO_MODEL_WORDS: &[&str] = &[
    "not exist",
    "not found",
    "not a valid model",
    "invalid model",
    "unknown model",
    "model identifier is invalid",
];

// === impl Fault ===

impl Fault {
    /// Returns the fault that a status alone reports. `own` is true if all credentials of the
    /// request were the provider's own.
    pub(super) fn of_status(status: StatusCode, own: bool) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED | StatusCode::FORBIDDEN => {
                if own {
                    Self::Provider
                } else {
                    Self::Caller
                }
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            status if is_passing(status) => Self::Provider,
            _ => Self::None,
        }
    }

    /// Reports whether the body of an answer may say more than its status.
    pub(super) fn is_in_body(head: &response::Parts) -> bool {
        matches!(head.status.as_u16(), 400 | 404 | 422)
    }

    /// Returns the fault that the body of an error reports. `None` if it is not read: it is too
    /// long, or in an unknown coding.
    pub(super) fn of_body(status: StatusCode, body: Option<&[u8]>, names_model: bool) -> Self {
        let Some(body) = body else { return Self::None };
        let words = Words::of(body);
        if words.is_code(TOO_LARGE) || words.has(TOO_LARGE_WORDS) {
            return Self::TooLarge;
        }
        let about_model = words.has(&["model", "deployment"]);
        let missing = words.is_code(NO_MODEL) || about_model && words.has(NO_MODEL_WORDS);
        // A server that says nothing of what is missing knows neither the model nor its path.
        let missing = missing || status == StatusCode::NOT_FOUND && words.are_none();
        if names_model && missing {
            Self::Model
        } else {
            Self::None
        }
    }
}

/// The strings of an error, in lower case.
struct Words(Vec<String>);

// === impl Words ===

impl Words {
    fn of(body: &[u8]) -> Self {
        let mut words = Vec::new();
        match serde_json::from_slice(body) {
            Ok(json) => collect(&json, 0, &mut words),
            Err(_) if body.starts_with(b"<") => {}
            Err(_) => words.push(String::from_utf8_lossy(body).to_lowercase()),
        }
        words.retain(|word| !word.trim().is_empty());
        Self(words)
    }

    fn is_code(&self, codes: &[&str]) -> bool {
        self.0.iter().any(|word| codes.contains(&&**word))
    }

    fn has(&self, parts: &[&str]) -> bool {
        let mut words = self.0.iter();
        words.any(|word| parts.iter().any(|part| word.contains(part)))
    }

    /// Reports whether no string is a sentence that says more than "not found".
    fn are_none(&self) -> bool {
        let mut words = self.0.iter();
        words.all(|word| word.len() <= 24)
    }
}

/// Collects strings, as deep as the errors of providers lie.
fn collect(json: &Value, depth: u32, words: &mut Vec<String>) {
    match json {
        Value::String(text) => words.push(text.to_lowercase()),
        Value::Array(items) if depth < 4 => {
            items
                .iter()
                .for_each(|item| collect(item, depth + 1, words));
        }
        Value::Object(members) if depth < 4 => {
            members
                .values()
                .for_each(|item| collect(item, depth + 1, words));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Fault {
        let status = StatusCode::from_u16(status).unwrap();
        Fault::of_body(status, Some(body.as_bytes()), true)
    }

    #[test]
    fn a_refused_credential_is_the_fault_of_whose_it_is() {
        for status in [401, 402, 403] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Fault::of_status(status, true), Fault::Provider);
            assert_eq!(Fault::of_status(status, false), Fault::Caller);
        }
        for (status, fault) in [
            (408, Fault::Provider),
            (425, Fault::Provider),
            (429, Fault::Provider),
            (500, Fault::Provider),
            (413, Fault::TooLarge),
            (400, Fault::None),
            (404, Fault::None),
            (200, Fault::None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Fault::of_status(status, false), fault, "{status}");
        }
    }

    #[test]
    fn providers_say_in_many_ways_that_a_prompt_is_too_long() {
        for body in [
            r#"{"error":{"message":"x","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","code":400}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            r#"{"message":"Input is too long for requested model."}"#,
            r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096\"}",
            "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
        ] {
            assert_eq!(of(400, body), Fault::TooLarge, "{body}");
        }
    }

    #[test]
    fn providers_say_in_many_ways_that_they_have_no_such_model() {
        for (status, body) in [
            (
                404,
                r#"{"error":{"message":"The model `x` does not exist or you do not have access to it.","code":"model_not_found"}}"#,
            ),
            (
                404,
                r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
            ),
            (
                404,
                r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}"#,
            ),
            (
                404,
                r#"[{"error":{"code":404,"message":"models/x is not found for API version v1beta","status":"NOT_FOUND"}}]"#,
            ),
            (404, r#"{"error":"model 'x' not found"}"#),
            (
                400,
                r#"{"error":{"message":"Model Not Exist","code":"invalid_request_error"}}"#,
            ),
            (
                400,
                r#"{"error":{"message":"x is not a valid model ID","code":400}}"#,
            ),
            (
                400,
                r#"{"message":"The provided model identifier is invalid."}"#,
            ),
            (404, ""),
            (404, "404 page not found"),
            (404, "<html>not found</html>"),
            (404, r#"{"detail":"Not Found"}"#),
        ] {
            assert_eq!(of(status, body), Fault::Model, "{body}");
        }
    }

    #[test]
    fn an_error_about_something_else_is_passed_on() {
        for (status, body) in [
            (
                404,
                r#"{"error":{"message":"Previous response with id 'resp_1' not found.","code":"previous_response_not_found"}}"#,
            ),
            (
                400,
                r#"{"error":{"message":"Invalid value for temperature"}}"#,
            ),
            (
                400,
                r#"{"error":{"message":"This model does not support tools"}}"#,
            ),
            (400, ""),
        ] {
            assert_eq!(of(status, body), Fault::None, "{body}");
        }
        assert_eq!(
            Fault::of_body(StatusCode::NOT_FOUND, None, true),
            Fault::None
        );
        assert_eq!(
            Fault::of_body(StatusCode::NOT_FOUND, Some(b""), false),
            Fault::None
        );
    }
}
