//! Names under which streams hold the text of an answer, and say what an event is.

use super::content::Text;

/// Members that hold text, of OpenAI (chat, completions, responses), Anthropic, Gemini, Bedrock,
/// Cohere, Mistral, Ollama and those who copy them.
const ANSWERS: [&[u8]; 8] = [
    b"content",
    b"text",
    b"delta",
    b"arguments",
    b"partial_json",
    b"response",
    b"refusal",
    b"name",
];

/// Members that hold thoughts.
const THOUGHTS: [&[u8]; 3] = [b"thinking", b"reasoning_content", b"reasoning"];

/// Members that are set in the last event with text.
const ENDS: [&[u8]; 3] = [b"finish_reason", b"finishReason", b"stop_reason"];

/// Word that says something of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The kind of the event.
    Kind,
    /// The reason why the answer has ended.
    End,
}

/// Returns the kind of text that a member of this name holds, if it holds text.
pub(super) fn text(key: &[u8]) -> Option<Text> {
    if ANSWERS.contains(&key) {
        return Some(Text::Answer);
    }
    THOUGHTS.contains(&key).then_some(Text::Thought)
}

/// Returns what the word under this name says.
pub(super) fn word(key: &[u8]) -> Option<Word> {
    if key == b"type" {
        return Some(Word::Kind);
    }
    ENDS.contains(&key).then_some(Word::End)
}

/// Reports whether an event of this kind repeats text of earlier ones, as those of OpenAI's
/// responses do that end a part.
pub(super) fn repeats(kind: &[u8]) -> bool {
    kind.starts_with(b"response.") && !kind.ends_with(b".delta")
}

/// Reports whether the text of an event of this kind is thoughts.
pub(super) fn is_thought(kind: &[u8]) -> bool {
    kind.starts_with(b"response.reasoning")
}
