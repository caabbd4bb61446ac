//! Reading of the documents of an answer, one after the other.

use serde_json::Value;

use super::Answer;

/// Ends that a model chose itself.
const COMPLETE: &[&str] = &[
    "stop",
    "end_turn",
    "stop_sequence",
    "complete",
    "completed",
    "eos",
    "eos_token",
];

/// Ends for a call of a tool.
const TOOL: &[&str] = &["tool_calls", "tool_call", "tool_use", "function_call"];

/// Ends by a filter, or by the model that does not want to answer.
const REFUSED: &[&str] = &[
    "content_filter",
    "content_filtered",
    "guardrail_intervened",
    "refusal",
    "safety",
    "image_safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "language",
    "error_toxic",
];

/// Ends by an error.
const FAILED: &[&str] = &[
    "error",
    "timeout",
    "malformed_function_call",
    "malformed_model_output",
    "malformed_tool_use",
    "unexpected_tool_call",
    "user_cancel",
];

/// Facts about an answer, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// A form that is known.
    known: bool,
    finished: bool,
    cut: bool,
    tool: bool,
    refused: bool,
    failed: bool,
}

// === impl Reading ===

impl Reading {
    pub(super) fn verdict(&self) -> Answer {
        match self {
            Self { failed: true, .. } => Answer::Failed,
            Self { tool: true, .. } => Answer::ToolCall,
            Self { refused: true, .. } => Answer::Refused,
            Self { cut: true, .. } => Answer::Cut,
            Self { finished: true, .. } => Answer::Complete,
            Self { known: true, .. } => Answer::Cut,
            _ => Answer::Unknown,
        }
    }

    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// Reads an answer that is one document: each of its choices has an end.
    pub(super) fn document(&mut self, document: &Value) {
        for (list, reason) in [("choices", "finish_reason"), ("candidates", "finishReason")] {
            let open = |choice: &Value| !choice[reason].is_string();
            self.cut |= items(&document[list]).any(open);
        }
        self.part(document);
    }

    /// Reads a part of an answer, or all of it.
    pub(super) fn part(&mut self, part: &Value) {
        self.failed |= is_told(&part["error"]) || part["type"] == "error";
        for choice in items(&part["choices"]) {
            self.known = true;
            self.failed |= is_told(&choice["error"]);
            self.reason(&choice["finish_reason"]);
            self.message(&choice["message"]);
            self.message(&choice["delta"]);
        }
        self.gemini(part);
        // Anthropic, Bedrock and Cohere; in streams, the parts of a message.
        for holder in [part, &part["delta"]] {
            for name in ["finish_reason", "stop_reason", "stopReason"] {
                self.reason(&holder[name]);
            }
            self.message(&holder["message"]);
        }
        self.content(&part["content"]);
        self.block(&part["content_block"]);
        self.message(&part["output"]["message"]);
        self.block(&part["contentBlockStart"]["start"]);
        self.responses(part);
        self.ollama(part);
        self.embeddings(part);
    }

    fn gemini(&mut self, part: &Value) {
        for candidate in items(&part["candidates"]) {
            self.known = true;
            self.reason(&candidate["finishReason"]);
            for piece in items(&candidate["content"]["parts"]) {
                self.tool |= is_told(&piece["functionCall"]);
            }
        }
        self.refused |= is_told(&part["promptFeedback"]["blockReason"]);
    }

    /// Reads a response of OpenAI's API of that name, or an event of its stream.
    fn responses(&mut self, part: &Value) {
        let response = match &part["response"] {
            Value::Object(_) => &part["response"],
            _ => part,
        };
        self.block(&part["item"]);
        if response["object"] != "response" {
            return;
        }
        self.known = true;
        self.failed |= is_told(&response["error"]);
        match response["status"].as_str() {
            Some("completed") => self.finished = true,
            Some("incomplete") if response["incomplete_details"]["reason"] == "content_filter" => {
                self.refused = true;
            }
            Some("incomplete") => self.cut = true,
            Some("failed" | "cancelled") => self.failed = true,
            _ => {}
        }
        for item in items(&response["output"]) {
            self.block(item);
        }
    }

    fn ollama(&mut self, part: &Value) {
        let Some(done) = part["done"].as_bool() else {
            return;
        };
        self.known = true;
        match &part["done_reason"] {
            Value::Null => self.finished |= done,
            reason => self.reason(reason),
        }
    }

    fn embeddings(&mut self, part: &Value) {
        let is_vector = |value: &Value| match value {
            // As numbers, by type, as base64.
            Value::Array(list) => !list.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => false,
        };
        let mut of_list = items(&part["data"]).peekable();
        let all = of_list.peek().is_some() && of_list.all(|item| is_vector(&item["embedding"]));
        self.finished |= all || is_vector(&part["embedding"]) || is_vector(&part["embeddings"]);
    }

    fn message(&mut self, message: &Value) {
        let Value::Object(members) = message else {
            return;
        };
        self.known = true;
        let has = |name: &str| members.get(name).is_some_and(is_told);
        self.tool |= has("tool_calls") || has("function_call");
        self.refused |= has("refusal");
        self.reason(&message["stop_reason"]);
        self.content(&message["content"]);
    }

    fn content(&mut self, content: &Value) {
        for block in items(content) {
            self.block(block);
        }
    }

    /// Reads a block of a message, or an item of a response.
    fn block(&mut self, block: &Value) {
        let kind = block["type"].as_str().unwrap_or_default();
        self.tool |= is_told(&block["toolUse"])
            || kind.ends_with("tool_use")
            || kind.ends_with("_call")
            || kind == "mcp_approval_request";
        self.refused |= kind == "refusal";
        for inner in items(&block["content"]) {
            self.refused |= inner["type"] == "refusal";
        }
    }

    fn reason(&mut self, reason: &Value) {
        let Some(reason) = reason.as_str().filter(|reason| !reason.is_empty()) else {
            return;
        };
        self.known = true;
        let is_one = |of: &[&str]| of.iter().any(|known| reason.eq_ignore_ascii_case(known));
        match () {
            () if is_one(COMPLETE) => self.finished = true,
            () if is_one(TOOL) => self.tool = true,
            () if is_one(REFUSED) => self.refused = true,
            () if is_one(FAILED) => self.failed = true,
            // `length`, `max_tokens`, `pause_turn` and others, and those that are new.
            () => self.cut = true,
        }
    }
}

/// Returns the items of a list; none of anything else.
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Returns whether a member says something.
fn is_told(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}
