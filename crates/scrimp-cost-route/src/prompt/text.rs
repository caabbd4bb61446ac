//! The prompt in the body of a request, as a provider's cache sees it.

use std::{
    borrow::Cow,
    hash::{BuildHasher, Hasher},
    sync::LazyLock,
};

use bytes::Bytes;
use hashlink::DefaultHashBuilder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::Prompt;

/// Bytes of a block: about 256 tokens.
pub(super) const BLOCK: usize = 1_024;
/// Member by which a request marks how far its prompt is to be cached.
const MARK: &str = "\"cache_control\"";

/// Keys of the hashes, at random. Prompts that collide would only be expected in a cache wrongly.
static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);

/// Prompt of a request.
#[derive(Debug)]
pub(crate) struct PromptText {
    pub(crate) prompt: Prompt,
    /// Bytes of the prompt.
    pub(crate) length: usize,
    /// True if the request says itself how far the prompt is to be cached.
    pub(crate) is_marked: bool,
    /// Tools, system text and messages, without such marks.
    pub(super) parts: [Bytes; 3],
    /// Bytes of memory that the parts hold.
    pub(super) body: usize,
}

/// Members of a request, in the dialects of OpenAI (chat, responses), Anthropic, Gemini and Bedrock.
#[derive(Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, alias = "toolConfig")]
    pub(super) tools: Option<&'a RawValue>,
    #[serde(
        borrow,
        alias = "instructions",
        alias = "systemInstruction",
        alias = "system_instruction"
    )]
    pub(super) system: Option<&'a RawValue>,
    #[serde(borrow, alias = "input", alias = "contents", alias = "prompt")]
    pub(super) messages: Option<&'a RawValue>,
    #[serde(borrow, alias = "max_completion_tokens", alias = "max_output_tokens")]
    max_tokens: Option<&'a RawValue>,
}

// === impl PromptText ===

impl PromptText {
    /// Reads the prompt of a body. `None` if the body has none, or one that is shorter than a block.
    pub(crate) fn read(whole: &Bytes, model: Option<&str>) -> Option<Self> {
        let body: &[u8] = whole;
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace())?;
        if *first != b'{' || body.len() < BLOCK {
            return None;
        }
        let body: Body<'_> = serde_json::from_slice(body).ok()?;
        let parts = body.parts();
        let is_marked = parts.iter().any(|part| part.contains(MARK));
        let parts = parts.map(|part| match is_marked {
            true => without_marks(part),
            false => Cow::Borrowed(part),
        });
        let hashes = hashes(model, &parts);
        let length = parts.iter().map(|part| part.len()).sum();
        (!hashes.is_empty()).then(|| Self {
            prompt: Prompt {
                hashes,
                kind: body.kind(),
            },
            length,
            is_marked,
            body: if is_marked { length } else { whole.len() },
            parts: parts.map(|part| match part {
                Cow::Borrowed(part) => whole.slice_ref(part.as_bytes()),
                Cow::Owned(part) => part.into(),
            }),
        })
    }

    /// Reports whether the prompt begins with all whole blocks of an earlier one.
    pub(super) fn continues(&self, earlier: &Self) -> bool {
        let last = earlier.prompt.hashes.len() - 1;
        self.prompt.hashes.get(last) == Some(&earlier.prompt.hashes[last])
    }
}

// === impl Body ===

impl<'a> Body<'a> {
    /// Returns the parts of the prompt, in the order in which providers put them together.
    pub(super) fn parts(&self) -> [&'a str; 3] {
        [self.tools, self.system, self.messages].map(|part| part.map_or("", RawValue::get))
    }

    /// Returns the kind of the request, by the length of the answer that it allows.
    fn kind(&self) -> u16 {
        let most = self
            .max_tokens
            .and_then(|most| most.get().parse::<u64>().ok());
        most.and_then(u64::checked_ilog2)
            .map_or(0, |size| u16::try_from(size).unwrap_or(0))
    }
}

/// Hashes whole blocks of the prompt, each together with all before it and the model.
fn hashes(model: Option<&str>, parts: &[Cow<'_, str>; 3]) -> Vec<u64> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut all = Vec::with_capacity(length / BLOCK);
    let mut last = HASHER.hash_one(model);
    let mut hasher = HASHER.build_hasher();
    hasher.write_u64(last);
    let mut room = BLOCK;
    for part in parts {
        let mut rest = part.as_bytes();
        while !rest.is_empty() {
            let (piece, others) = rest.split_at(rest.len().min(room));
            hasher.write(piece);
            (rest, room) = (others, room - piece.len());
            if room == 0 {
                last = hasher.finish();
                all.push(last);
                hasher = HASHER.build_hasher();
                hasher.write_u64(last);
                room = BLOCK;
            }
        }
    }
    all
}

/// Removes the marks from a part of a prompt: they move from one request of a conversation to the next,
/// and providers do not count them.
fn without_marks(part: &str) -> Cow<'_, str> {
    let mut clean = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find(MARK) {
        let (before, mark) = rest.split_at(at);
        let Some(end) = mark.find('}') else {
            break;
        };
        let after = &mark[end + 1..];
        let before = before.trim_end();
        match before.strip_suffix(',') {
            Some(before) => {
                clean.push_str(before);
                rest = after;
            }
            None => {
                clean.push_str(before);
                rest = after.trim_start().strip_prefix(',').unwrap_or(after);
            }
        }
    }
    clean.push_str(rest);
    clean.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> PromptText {
        PromptText::read(&Bytes::copy_from_slice(body.as_bytes()), Some("model")).expect("a prompt")
    }

    #[test]
    fn the_next_turn_of_a_conversation_begins_with_the_blocks_of_the_last() {
        let words = |n: usize, word: &str| word.repeat(n);
        let first = format!(
            r#"{{"max_tokens":100,"messages":[{{"role":"user","content":"{}"}}],"system":"{}"}}"#,
            words(700, "question"),
            words(300, "be kind"),
        );
        let next = format!(
            r#"{{"temperature":1,"system":"{}","messages":[{{"role":"user","content":"{}"}},{{"role":"assistant","content":"{}"}}]}}"#,
            words(300, "be kind"),
            words(700, "question"),
            words(500, "answers"),
        );
        let (first, next) = (read(&first), read(&next));
        assert_eq!(first.prompt.hashes.len(), first.length / BLOCK);
        assert_eq!(next.prompt.hashes[..7], first.prompt.hashes[..7]);
        assert!(next.prompt.hashes.len() > first.prompt.hashes.len());
        assert_eq!((first.prompt.kind, next.prompt.kind), (6, 0));
    }

    #[test]
    fn another_model_or_another_beginning_has_other_blocks() {
        let body = format!(r#"{{"prompt":"{}"}}"#, "word".repeat(1_000));
        let of = |model, body: &str| {
            PromptText::read(&Bytes::copy_from_slice(body.as_bytes()), model)
                .unwrap()
                .prompt
                .hashes
        };
        let hashes = of(Some("a"), &body);
        assert_ne!(of(Some("b"), &body)[0], hashes[0]);
        let other = of(Some("a"), &body.replacen("word", "Word", 1));
        assert!(other.iter().zip(&hashes).all(|(a, b)| a != b));
    }

    #[test]
    fn marks_of_a_request_do_not_change_its_blocks() {
        let text = "word".repeat(1_000);
        let plain = format!(
            r#"{{"messages":[{{"content":[{{"type":"text","text":"{text}"}},{{"a":1}}]}}]}}"#
        );
        for marked in [
            plain.replace(
                r#"{"a":1}"#,
                r#"{"a":1, "cache_control": {"type":"ephemeral"}}"#,
            ),
            plain.replace(
                r#"{"type""#,
                r#"{"cache_control":{"type":"ephemeral","ttl":"1h"},"type""#,
            ),
        ] {
            let marked = read(&marked);
            assert!(marked.is_marked && !read(&plain).is_marked);
            assert_eq!(marked.prompt.hashes, read(&plain).prompt.hashes);
            assert_eq!(marked.length, read(&plain).length);
        }
    }

    #[test]
    fn bodies_without_a_prompt_have_no_blocks() {
        let long = "x".repeat(5_000);
        for body in [
            "",
            "{}",
            &long,
            &format!("[\"{long}\"]"),
            &format!("{{\"query\":\"{long}\"}}"),
            &format!("{{\"messages\":\"{long}"),
        ] {
            assert!(PromptText::read(&Bytes::copy_from_slice(body.as_bytes()), None).is_none());
        }
    }
}
