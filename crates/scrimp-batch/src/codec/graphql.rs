//! GraphQL over HTTP, with several operations in an array.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Parts};
use scrimp_core::{KeyBuf, SettingError};
use scrimp_http::{media_type, part};
use serde_json::value::RawValue;

use super::{
    Admission, BatchCodec, Decoded, Item,
    head::{same_head, without_framing},
    json,
};

/// Codec for GraphQL queries in an array, as Apollo and other servers take them.
///
/// Such arrays have no ids: answers are matched by position, so an array of another length
/// answers no query. Mutations, subscriptions and requests without a query text are sent alone, and so
/// are queries whose answer comes in parts (`@defer`, `@stream`, `@live`).
#[derive(Debug, Clone)]
pub struct GraphQl {
    items: usize,
}

// === impl GraphQl ===

impl GraphQl {
    /// Returns a codec with up to 10 queries in a batch, a usual limit of servers.
    #[must_use]
    pub fn new() -> Self {
        Self { items: 10 }
    }

    /// Limits the queries in a batch. Range: 1 or more. Default: 10.
    #[must_use]
    pub fn limit(mut self, items: usize) -> Self {
        self.items = items;
        self
    }
}

impl Default for GraphQl {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchCodec for GraphQl {
    fn accepts(&self, head: &Parts) -> bool {
        head.method == Method::POST && media_type::is_json(&head.headers)
    }

    fn admit(&self, head: &Parts, body: &Bytes, lane: &mut KeyBuf) -> Option<Admission> {
        let fields = json::object(body)?;
        let query = json::text(json::get(&fields, "query")?)?;
        if !is_plain_query(&query) {
            return None;
        }
        same_head(head, lane);
        Some(Admission {
            replayable: true,
            identity: Some(KeyBuf::new().part(body).to_key()),
            ..Admission::default()
        })
    }

    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>> {
        let first = items.first()?;
        let body = json::list(items, |item, out| out.extend_from_slice(&item.body));
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = first.head.uri.clone();
        *request.headers_mut() = without_framing(&first.head.headers);
        Some(request)
    }

    fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded {
        let Some(elements) = json::array(response.body()) else {
            return no_array(items.len(), response);
        };
        if elements.len() != items.len() {
            return Decoded::unattributed(items.len());
        }
        let head = part::fields(response.headers());
        let answers = elements
            .into_iter()
            .map(|element| answer(element, response, &head));
        Decoded::Answers(answers.collect())
    }

    fn check(&self) -> Result<(), SettingError> {
        SettingError::within("GraphQl", "limit", self.items, 1..).map(drop)
    }

    fn max_items(&self) -> usize {
        self.items
    }
}

/// Decodes an answer that is no array: servers that take no arrays answer with one object, some of them
/// with status 200.
fn no_array(items: usize, response: &Response<Bytes>) -> Decoded {
    if !response.status().is_success() {
        return Decoded::of_response(items, response);
    }
    let fields = json::object(response.body()).unwrap_or_default();
    match json::get(&fields, "errors") {
        Some(_) if json::get(&fields, "data").is_none_or(|data| data.get() == "null") => {
            Decoded::Alone
        }
        _ => Decoded::unattributed(items),
    }
}

/// Returns one element as the response to a single query. One failed query is enough for an error
/// status of the whole, so an element with data is a success.
fn answer(
    element: &RawValue,
    outer: &Response<Bytes>,
    head: &HeaderMap,
) -> Option<Response<Bytes>> {
    let fields = json::object(element.get().as_bytes())?;
    let data = json::get(&fields, "data");
    if data.is_none() && json::get(&fields, "errors").is_none() {
        return None;
    }
    let has_data = data.is_some_and(|data| data.get() != "null");
    let status = if has_data {
        StatusCode::OK
    } else {
        outer.status()
    };
    let mut response = Response::new(outer.body().slice_ref(element.get().as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().clone_from(head);
    Some(response)
}

/// Reports whether a document has no mutation and no subscription, and no directive by which an answer
/// comes in parts. It looks at names of operations outside of braces and parentheses only, and answers
/// no in case of doubt.
fn is_plain_query(document: &str) -> bool {
    let mut depth = 0_i32;
    let mut directive = false;
    let mut rest = document;
    while let Some(first) = rest.chars().next() {
        let (token, tail) = token(rest, first);
        match first {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ if directive && matches!(token, "defer" | "stream" | "live") => return false,
            _ if depth <= 0 && matches!(token, "mutation" | "subscription") => return false,
            _ => {}
        }
        // White space, commas, comments and a byte order mark may stand between any two tokens.
        let ignored = first.is_whitespace() || matches!(first, ',' | '#' | '\u{feff}');
        directive = first == '@' || directive && ignored;
        rest = tail;
    }
    true
}

/// Splits off the first token: a comment, a string, a name, or a character.
fn token(text: &str, first: char) -> (&str, &str) {
    let end = match first {
        '#' => text.find(['\n', '\r']),
        '"' if text.starts_with("\"\"\"") => block_end(text),
        '"' => string_end(text),
        _ if is_name(first) => text.find(|c| !is_name(c)),
        _ => Some(first.len_utf8()),
    };
    text.split_at(end.unwrap_or(text.len()))
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some(at + 1),
            // A string that is not closed ends with its line.
            '\n' | '\r' => return Some(at),
            _ => escaped = false,
        }
    }
    None
}

fn block_end(text: &str) -> Option<usize> {
    let mut from = 3;
    loop {
        let at = from + text[from..].find("\"\"\"")?;
        if !text[..at].ends_with('\\') {
            return Some(at + 3);
        }
        from = at + 3;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_and_answers_in_parts_are_found_in_every_place_and_nothing_else_is_taken_for_one() {
        for query in [
            "{ a }",
            "query Q($x: Int = 1) { mutation(subscription: $x) }",
            "# mutation\n{ a }",
            "{ a(s: \"} mutation {\") }",
            "{ a(s: \"\"\"} \\\"\"\" mutation {\"\"\") }",
            "fragment F on T { mutation } query { ...F }",
            "{ defer stream(live: \"@defer\") @include(if: $stream) { a } }",
            "# @defer\n{ a(s: \"\"\" @stream \"\"\") @skip(if: true) }",
        ] {
            assert!(is_plain_query(query), "{query}");
        }
        for other in [
            "mutation { a }",
            "query A { a } mutation B { b }",
            "#c\r\nmutation M { a }",
            "subscription { a }",
            "{ a(s: \"}\\\"\") } mutation { a }",
            "{a}mutation{b}",
            "{ ...F @defer } fragment F on T { a }",
            "{ ... @defer(if: true, label: \"x\") { a } }",
            "{ list @stream(initialCount: 1) { a } }",
            "{ list @ # c\n , stream { a } }",
            "query Q @live { a }",
            "\u{feff}mutation { a }",
            // Strings end where they end, so that what follows is seen.
            "{ a(s: \"\"\"x\"\"\") } mutation { b }",
            "{ a(s: \"\"\" \" \"\"\") } mutation { b }",
            "{ a(s: \"\"\"x \\\"\"\" y\"\"\") } mutation { b }",
            "{ a(s: \"x\\\\\") } mutation { b }",
            "{ a(s: \"x\n) } mutation { b }",
        ] {
            assert!(!is_plain_query(other), "{other}");
        }
    }

    #[test]
    fn one_object_for_all_is_a_refusal_only_if_it_has_no_data() {
        let decoded =
            |body: &'static str| no_array(2, &Response::new(Bytes::from_static(body.as_bytes())));
        for refusal in [
            r#"{"errors":[{"message":"no arrays"}]}"#,
            r#"{"errors":[{"message":"no arrays"}],"data":null}"#,
        ] {
            assert!(matches!(decoded(refusal), Decoded::Alone), "{refusal}");
        }
        for other in [
            r#"{"errors":[{}],"data":{"a":1}}"#,
            r#"{"data":null}"#,
            "[]",
        ] {
            assert!(!matches!(decoded(other), Decoded::Alone), "{other}");
        }
    }
}
