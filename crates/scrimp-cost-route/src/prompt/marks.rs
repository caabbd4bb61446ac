//! Marks that ask a provider to cache a prompt, in the form of Anthropic's Messages API.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::text::{BLOCK, Body};

/// Kinds of content that can bear a mark.
const MARKABLE: [&str; 6] = [
    "text",
    "image",
    "document",
    "tool_use",
    "tool_result",
    "search_result",
];

/// Place for a mark.
#[derive(Debug, Clone, Copy)]
struct Spot<'a> {
    /// End of what the mark covers, in the prompt.
    end: usize,
    at: &'a RawValue,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Object,
    /// Text, which stands for a list of one block.
    Text,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
}

/// Marks a prompt to be read as far as `held` blocks and to be written as far as `write` blocks reach,
/// or nearly so, since marks stand only where content ends. Returns the body and the number of whole
/// blocks that the marks cover. `None` if there is no place for a mark.
pub(super) fn mark(body: &Bytes, held: u32, write: u32, long: bool) -> Option<(Bytes, u32)> {
    let parsed: Body<'_> = serde_json::from_slice(body).ok()?;
    let spots = spots(&parsed);
    let mut chosen: SmallVec<[Spot<'_>; 4]> = SmallVec::new();
    let read = at(&spots, held, false);
    let wrote = at(&spots, write, write > held);
    chosen.extend(read);
    chosen.extend(wrote.filter(|wrote| read.is_none_or(|read| read.end != wrote.end)));
    let end = chosen.iter().map(|spot| spot.end).max()?;
    let start = |spot: &Spot<'_>| spot.at.get().as_ptr() as usize - body.as_ptr() as usize;
    // Members may stand in any order in the body.
    chosen.sort_by_key(|spot| start(spot));
    let mark = match long {
        true => r#""cache_control":{"type":"ephemeral","ttl":"1h"}}"#,
        false => r#""cache_control":{"type":"ephemeral"}}"#,
    };
    let mut marked = Vec::with_capacity(body.len() + chosen.len() * 96);
    let mut done = 0;
    for spot in &chosen {
        let (from, text) = (start(spot), spot.at.get().as_bytes());
        marked.extend_from_slice(&body[done..from]);
        match spot.form {
            Form::Object => {
                marked.extend_from_slice(&text[..text.len() - 1]);
                marked.extend_from_slice(b",");
                marked.extend_from_slice(mark.as_bytes());
            }
            Form::Text => {
                marked.extend_from_slice(br#"[{"type":"text","text":"#);
                marked.extend_from_slice(text);
                marked.extend_from_slice(b",");
                marked.extend_from_slice(mark.as_bytes());
                marked.extend_from_slice(b"]");
            }
        }
        done = from + text.len();
    }
    marked.extend_from_slice(&body[done..]);
    let blocks = u32::try_from(end / BLOCK).ok()?;
    Some((marked.into(), blocks))
}

/// Returns the place for a mark at a depth: the first one within the block behind that depth, else within
/// the last block before that has one. So the same place is found again from the depth that it covers.
/// If `nearest`, the second one is taken where it is nearer.
fn at<'a>(spots: &[Spot<'a>], depth: u32, nearest: bool) -> Option<Spot<'a>> {
    let end = depth as usize * BLOCK;
    let count = spots.partition_point(|spot| spot.end < end);
    let (before, behind) = spots.split_at(count);
    let behind = behind.first().filter(|spot| spot.end < end + BLOCK);
    let before = before.last().and_then(|last| {
        let block = last.end / BLOCK;
        before.iter().find(|spot| spot.end / BLOCK == block)
    });
    match (before, behind) {
        _ if depth == 0 => None,
        (Some(before), Some(behind)) if nearest && end - before.end < behind.end - end => {
            Some(*before)
        }
        (before, behind) => behind.or(before).copied(),
    }
}

/// Returns the places for marks, in the order of the prompt.
fn spots<'a>(body: &Body<'a>) -> Vec<Spot<'a>> {
    let mut spots = Vec::new();
    let mut before = 0;
    if let Some(tools) = body.tools {
        for tool in list(tools) {
            push(&mut spots, tools, before, tool, true);
        }
        before += tools.get().len();
    }
    if let Some(system) = body.system {
        contents(&mut spots, system, before, system);
        before += system.get().len();
    }
    if let Some(messages) = body.messages {
        for message in list(messages) {
            let message: Option<Message<'a>> = serde_json::from_str(message.get()).ok();
            if let Some(content) = message.and_then(|message| message.content) {
                contents(&mut spots, messages, before, content);
            }
        }
    }
    spots
}

fn contents<'a>(
    spots: &mut Vec<Spot<'a>>,
    part: &'a RawValue,
    before: usize,
    content: &'a RawValue,
) {
    match content.get().as_bytes() {
        [b'"', _, .., b'"'] if content.get().len() > 2 => spots.push(Spot {
            end: before + offset(part, content) + content.get().len(),
            at: content,
            form: Form::Text,
        }),
        [b'[', ..] => {
            for block in list(content) {
                push(spots, part, before, block, false);
            }
        }
        _ => {}
    }
}

fn push<'a>(
    spots: &mut Vec<Spot<'a>>,
    part: &'a RawValue,
    before: usize,
    block: &'a RawValue,
    is_tool: bool,
) {
    let Ok(read) = serde_json::from_str::<Block<'a>>(block.get()) else {
        return;
    };
    let kind = read.kind.as_deref().unwrap_or_default();
    let is_empty = kind == "text" && read.text.is_none_or(|text| text.is_empty());
    if is_tool && block.get().len() > 2 || MARKABLE.contains(&kind) && !is_empty {
        spots.push(Spot {
            end: before + offset(part, block) + block.get().len(),
            at: block,
            form: Form::Object,
        });
    }
}

fn list(value: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(value.get()).unwrap_or_default()
}

/// Returns the place of a value within one that has it.
fn offset(whole: &RawValue, part: &RawValue) -> usize {
    part.get().as_ptr() as usize - whole.get().as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn marked(body: &Value, held: u32, write: u32) -> Option<(Value, u32)> {
        let body = Bytes::from(body.to_string());
        let (marked, blocks) = mark(&body, held, write, false)?;
        Some((serde_json::from_slice(&marked).expect("JSON"), blocks))
    }

    /// Returns where the marks are, and the value without them.
    fn found(value: &Value, path: &str, to: &mut Vec<String>) -> Value {
        match value {
            Value::Object(members) => {
                let mut clean = serde_json::Map::new();
                for (name, member) in members {
                    if name == "cache_control" {
                        assert_eq!(*member, json!({"type": "ephemeral"}));
                        to.push(path.to_owned());
                    } else {
                        clean.insert(name.clone(), found(member, &format!("{path}/{name}"), to));
                    }
                }
                clean.into()
            }
            Value::Array(all) => {
                let each = all.iter().enumerate();
                each.map(|(n, one)| found(one, &format!("{path}/{n}"), to))
                    .collect()
            }
            other => other.clone(),
        }
    }

    #[test]
    fn marks_stand_behind_the_last_content_within_the_blocks() {
        let words = |n: usize| "x".repeat(n);
        let body = json!({
            "model": "m",
            "system": [{"type": "text", "text": words(3_000)}],
            "messages": [
                {"role": "user", "content": words(3_000)},
                {"role": "assistant", "content": [
                    {"type": "text", "text": words(2_000)},
                    {"type": "thinking", "thinking": words(2_000)},
                    {"type": "text", "text": ""},
                ]},
            ],
        });
        for (held, write, paths, blocks) in [
            (0, 3, &["/system/0"][..], 2),
            (0, 5, &["/messages/0/content/0"], 5),
            (3, 20, &["/messages/1/content/0", "/system/0"], 7),
            (3, 3, &["/system/0"], 2),
        ] {
            let (marked, covered) = marked(&body, held, write).expect("a place");
            let mut all = Vec::new();
            let clean = found(&marked, "", &mut all);
            all.sort();
            assert_eq!(
                (&all[..], covered),
                (
                    &paths.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()[..],
                    blocks
                )
            );
            if !paths.contains(&"/messages/0/content/0") {
                assert_eq!(clean, body, "all else is unchanged");
            }
        }
        assert!(marked(&body, 0, 0).is_none());
        assert!(marked(&body, 0, 1).is_none(), "no content ends so early");
    }

    #[test]
    fn text_becomes_a_block_with_the_same_text() {
        let body = json!({"system": "s\"\\u00e9".repeat(500), "messages": []});
        let (marked, _) = marked(&body, 0, 9).expect("a place");
        assert_eq!(marked["system"][0]["text"], body["system"]);
        assert_eq!(marked["system"][0]["cache_control"]["type"], "ephemeral");
    }

    #[test]
    fn an_hour_is_asked_for_by_name() {
        let body = Bytes::from(json!({"tools": [{"name": "x".repeat(2_000)}]}).to_string());
        let (marked, _) = mark(&body, 0, 9, true).expect("a place");
        let marked: Value = serde_json::from_slice(&marked).unwrap();
        assert_eq!(
            marked["tools"][0]["cache_control"],
            json!({"type": "ephemeral", "ttl": "1h"})
        );
    }
}
