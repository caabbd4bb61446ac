//! Kinds of answers of language models.

mod reading;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use scrimp_http::{decode, media_type, stream::Pieces};
use serde_json::Value;

use reading::Reading;

/// Largest answer that is read, in decoded bytes.
pub const LARGEST: usize = 32 << 20;

/// The kind of an answer.
///
/// Only [`Complete`](Self::Complete) answers are worth keeping for others who ask the same. A call of a
/// tool is a step of one conversation, and the others may be answered better the next time.
///
/// It is read from these members, in documents, in events, in lines of JSON, and in lists of documents:
///
/// | API | end | calls of tools | failures |
/// |---|---|---|---|
/// | OpenAI's chat and completions, Azure, Mistral, Groq, vLLM, OpenRouter and others | `choices[].finish_reason` | `tool_calls`, `function_call` in the message or delta | `error`, `refusal` |
/// | OpenAI's responses | `status` of the response | items of `output` whose type ends in `_call` | `error`, `status`, `refusal` |
/// | embeddings of all of them | the vectors | | `error` |
/// | Anthropic | `stop_reason` | blocks of type `tool_use`, `server_tool_use` | `error` |
/// | Gemini, Vertex | `candidates[].finishReason` | `functionCall` in a part | `error`, `promptFeedback.blockReason` |
/// | Bedrock's Converse | `stopReason` | `toolUse` in a block | |
/// | Cohere | `finish_reason` | `tool_calls` in the message | `error` |
/// | Ollama | `done`, `done_reason` | `tool_calls` in the message | `error` |
///
/// Bedrock's streams, in Amazon's binary frames, are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// The model has said all that it wanted to say.
    Complete,
    /// The model asks for a tool to be called, or the provider has called one of its own.
    ToolCall,
    /// A limit on tokens or time ended the answer, or its end is missing.
    Cut,
    /// The model or a filter refused to answer.
    Refused,
    /// The provider reports an error.
    Failed,
    /// No form that is known, malformed, or larger than [`LARGEST`].
    Unknown,
}

// === impl Answer ===

impl Answer {
    /// Reads a whole answer. `headers` are those of the response: Content-Type tells the form, and a body
    /// in a content coding is decoded.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use scrimp_llm::Answer;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("content-type", "text/event-stream".parse()?);
    /// let stream = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"4\"},\"finish_reason\":null}]}\n\n\
    ///                data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n\
    ///                data: [DONE]\n\n";
    /// assert_eq!(Answer::read(&headers, stream), Answer::Cut);
    /// # Ok::<(), http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        Self::read_bytes(headers, &Bytes::copy_from_slice(body))
    }

    /// Reads a whole answer, as [`read`](Self::read) does, without a copy.
    #[must_use]
    pub fn read_bytes(headers: &HeaderMap, body: &Bytes) -> Self {
        let Ok(text) = decode::whole(headers, body, LARGEST) else {
            return Self::Unknown;
        };
        if text.len() > LARGEST {
            return Self::Unknown;
        }
        let mut reading = Reading::default();
        let whole = if media_type::is_event_stream(headers) {
            read_pieces(headers, text, |event| read_event(event, &mut reading))
        } else if media_type::is_json_lines(headers) {
            read_pieces(headers, text, |line| read_part(line, &mut reading))
        } else if media_type::is_json(headers) {
            read_document(&text, &mut reading)
        } else {
            None
        };
        whole.map_or(Self::Unknown, |()| reading.verdict())
    }

    /// Returns whether it is complete.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self == Self::Complete
    }
}

/// Reads each piece of a stream. `None` if one is malformed.
fn read_pieces(
    headers: &HeaderMap,
    mut text: Bytes,
    mut read: impl FnMut(&[u8]) -> Option<()>,
) -> Option<()> {
    // The text is decoded already.
    let kind: &HeaderValue = headers.get(header::CONTENT_TYPE)?;
    let pieces = Pieces::of_type(kind, &only(kind))?;
    while !text.is_empty() {
        read(&pieces.split_off(&mut text))?;
    }
    Some(())
}

fn only(kind: &HeaderValue) -> HeaderMap {
    [(header::CONTENT_TYPE, kind.clone())].into_iter().collect()
}

fn read_event(event: &[u8], reading: &mut Reading) -> Option<()> {
    let event = std::str::from_utf8(event).ok()?;
    let mut data = String::new();
    for line in event.split(['\r', '\n']) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" if value == "error" => reading.fail(),
            "data" if data.is_empty() => data.push_str(value),
            "data" => {
                data.push('\n');
                data.push_str(value);
            }
            _ => {}
        }
    }
    match data.trim_ascii() {
        "" | "[DONE]" => Some(()),
        data => read_part(data.as_bytes(), reading),
    }
}

/// Reads a part of an answer: the end stands in one of them.
fn read_part(text: &[u8], reading: &mut Reading) -> Option<()> {
    if text.trim_ascii().is_empty() {
        return Some(());
    }
    reading.part(&serde_json::from_slice(text).ok()?);
    Some(())
}

/// Reads a document, or the list of them that Gemini's streams are without events.
fn read_document(text: &[u8], reading: &mut Reading) -> Option<()> {
    match serde_json::from_slice(text).ok()? {
        Value::Array(parts) => parts.iter().for_each(|part| reading.part(part)),
        document => reading.document(&document),
    }
    Some(())
}

#[cfg(test)]
mod tests;
