//! Answers to a batch.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header::CONTENT_LENGTH};
use scrimp_http::part;
use serde_json::value::RawValue;

use super::{
    dialect::{Refusal, RpcError},
    own_id,
};
use crate::codec::{Decoded, Item, json};

/// Longest error of a whole batch that is repeated under each caller's id, in bytes. An upstream
/// must not have a long one copied for each call.
const MAX_REPEATED: usize = 64 << 10;

/// An element of the array.
#[derive(Clone, Copy)]
struct Element<'a> {
    json: &'a RawValue,
    /// Place of its id.
    at: (usize, usize),
    refusal: Option<Refusal>,
}

/// The elements of an array by id.
struct Elements<'a> {
    /// `None` if the id came twice.
    by_id: HashMap<u64, Option<Element<'a>>>,
    /// The reason why the batch was not carried out, of an error that names no call.
    refusal: Option<Refusal>,
}

/// Decodes an array of answers.
pub(super) fn of_array(
    items: &[&Item],
    elements: &[&RawValue],
    response: &Response<Bytes>,
) -> Decoded {
    if let [only] = elements
        && is_unattributed(only)
    {
        let whole = response.body().slice_ref(only.get().as_bytes());
        return of_whole(items, &response_with(response, whole));
    }
    let found = Elements::of(elements, items.len());
    let own: Vec<Option<Element<'_>>> = items.iter().map(|item| found.own(item)).collect();
    let is_refused = |one: &Element<'_>| one.refusal.is_some_and(is_of_batches);
    let is_answered = |one: &Element<'_>| !is_refused(one);
    let first = own
        .iter()
        .position(|one| one.as_ref().is_some_and(is_refused));
    let refusal = first
        .and_then(|first| own[first]?.refusal)
        .or(found.refusal);
    let is_answered = |one: &Option<Element<'_>>| one.as_ref().is_some_and(is_answered);
    let answered = own.iter().rposition(is_answered);
    // A message may repeat words of its caller. A limit is one if no more calls were answered.
    let answers = own.iter().filter(|one| is_answered(one)).count();
    let limit = refusal.and_then(limit_of).filter(|limit| *limit >= answers);
    let at = match (first, answered, refusal) {
        // Each call alone would be refused for itself.
        _ if items.len() == 1 => None,
        (_, None, Some(refusal)) => return refused(refusal, items.len()),
        (Some(first), Some(last), _) => (first > last || limit.is_some()).then_some(first),
        (None, Some(last), Some(_)) => Some(last + 1),
        _ => None,
    };
    let fields = part::fields(response.headers());
    let accepted = response.status().is_success();
    let answer = |(index, item): (usize, &&Item)| match (own_id(item), own[index]) {
        (None, _) => {
            let reached = at.is_none_or(|at| index < at || answered > Some(index));
            (accepted && reached).then(|| self::accepted(&fields))
        }
        (Some(_), Some(element)) if at.is_some() && is_refused(&element) => None,
        (Some(id), Some(element)) => Some(restored(&element, id, &fields)),
        (Some(_), None) => None,
    };
    let answers = items.iter().enumerate().map(answer).collect();
    match at {
        Some(at) => Decoded::Stopped { answers, at, limit },
        None => Decoded::Answers(answers),
    }
}

/// Decodes an answer that is no array. It is about the batch as a whole.
pub(super) fn of_whole(items: &[&Item], response: &Response<Bytes>) -> Decoded {
    let (status, body) = (response.status(), response.body());
    let notifications = items.iter().all(|item| own_id(item).is_none());
    let fields = || part::fields(response.headers());
    if status.is_success() && body.is_empty() && notifications {
        let fields = fields();
        return Decoded::Answers(items.iter().map(|_| Some(accepted(&fields))).collect());
    }
    let members = json::object(body).unwrap_or_default();
    let Some(error) = RpcError::of(&members) else {
        return match status.is_success() {
            true => Decoded::unattributed(items.len()),
            false => Decoded::of_failure(status),
        };
    };
    match error.refusal(items.len()) {
        // A batch of one was refused for its call.
        _ if items.len() == 1 => {}
        Some(refusal @ (Refusal::TooLarge(_) | Refusal::NoBatches)) => {
            return refused(refusal, items.len());
        }
        None if error.may_be_of_a_batch() => return Decoded::Split,
        None => match Decoded::of_failure(status) {
            Decoded::Whole => {}
            decoded => return decoded,
        },
        Some(Refusal::Busy(_)) => {}
    }
    if items.len() > 1 && body.len() > MAX_REPEATED {
        return match status.is_success() {
            true => Decoded::unattributed(items.len()),
            false => Decoded::of_failure(status),
        };
    }
    // An error of the whole is the error of each call, under its own id.
    let mut error = response_with(response, body.clone());
    *error.headers_mut() = fields();
    let answer = |item: &&Item| Some(relabelled(item, &error));
    Decoded::Answers(items.iter().map(answer).collect())
}

/// Reports whether an element is an error of no call.
fn is_unattributed(element: &RawValue) -> bool {
    let fields = json::object(element.get().as_bytes()).unwrap_or_default();
    let id = json::get(&fields, "id").filter(|id| id.get() != "null");
    id.is_none() && RpcError::of(&fields).is_some()
}

/// Returns a response of this status and these fields with another body.
fn response_with(response: &Response<Bytes>, body: Bytes) -> Response<Bytes> {
    let mut other = Response::new(body);
    *other.status_mut() = response.status();
    other.headers_mut().clone_from(response.headers());
    other
}

/// Returns the result of decoding a batch that was not carried out.
fn refused(refusal: Refusal, items: usize) -> Decoded {
    match refusal {
        Refusal::NoBatches => Decoded::Alone,
        Refusal::TooLarge(Some(limit)) => Decoded::AtMost(limit),
        Refusal::TooLarge(None) => Decoded::Split,
        Refusal::Busy(_) => Decoded::unattributed(items),
    }
}

fn is_of_batches(refusal: Refusal) -> bool {
    !matches!(refusal, Refusal::Busy(_))
}

fn limit_of(refusal: Refusal) -> Option<usize> {
    match refusal {
        Refusal::TooLarge(limit) => limit,
        Refusal::NoBatches => Some(1),
        Refusal::Busy(_) => None,
    }
}

// === impl Elements ===

impl<'a> Elements<'a> {
    /// Reads the answers to `calls` calls.
    fn of(elements: &[&'a RawValue], calls: usize) -> Self {
        let mut all = Self {
            by_id: HashMap::with_capacity(elements.len()),
            refusal: None,
        };
        for &element in elements {
            let json = element.get().as_bytes();
            let Some(fields) = json::object(json) else {
                continue;
            };
            let error = RpcError::of(&fields);
            let result = json::get(&fields, "result");
            let mut refusal = error.as_ref().and_then(|error| error.refusal(calls));
            // One of several is about its own call if its code says so, whatever its words.
            if elements.len() > 1 && error.as_ref().is_some_and(RpcError::is_of_its_call) {
                refusal = None;
            }
            // One error for many calls is about all of them.
            let alone = elements.len() == 1 && calls > 1 && refusal.is_none();
            if alone && error.as_ref().is_some_and(RpcError::may_be_of_a_batch) {
                refusal = Some(Refusal::TooLarge(None));
            }
            // An element with neither or both is no answer (§5). `null` is no error beside a result,
            // and no result beside an error.
            let is_result = result.is_some_and(|result| error.is_none() || result.get() != "null");
            if is_result == error.is_some() {
                continue;
            }
            let id = json::get(&fields, "id");
            match id.and_then(|id| Some((json::number(id)?, id))) {
                Some((number, id)) => all.add(
                    number,
                    Element {
                        json: element,
                        at: json::span(json, id),
                        refusal,
                    },
                ),
                None => all.refusal = all.refusal.or(refusal.filter(|one| is_of_batches(*one))),
            }
        }
        all
    }

    fn add(&mut self, id: i64, element: Element<'a>) {
        let Ok(id) = u64::try_from(id) else {
            return;
        };
        self.by_id
            .entry(id)
            .and_modify(|twice| *twice = None)
            .or_insert(Some(element));
    }

    /// Returns the answer to an item that expects one.
    fn own(&self, item: &Item) -> Option<Element<'a>> {
        own_id(item)?;
        *self.by_id.get(&item.id)?
    }
}

/// Returns an element under the id that its caller gave.
fn restored(element: &Element<'_>, id: &[u8], fields: &HeaderMap) -> Response<Bytes> {
    let json = element.json.get().as_bytes();
    let mut body = Vec::with_capacity(json.len() + id.len());
    json::splice(&mut body, json, element.at, id);
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().clone_from(fields);
    response
}

/// Returns an answer under the id of this item. An error of a whole batch may come without an id.
pub(super) fn relabelled(item: &Item, answer: &Response<Bytes>) -> Response<Bytes> {
    let mut answer = answer.clone();
    let body = answer.body().clone();
    let Some((fields, own)) = json::object(&body).zip(own_id(item)) else {
        return answer;
    };
    let mut out = Vec::with_capacity(body.len() + own.len() + 16);
    match json::get(&fields, "id") {
        // Callers often count from the same number: then they share one body.
        Some(id) if id.get().as_bytes() == own => return answer,
        Some(id) => json::splice(&mut out, &body, json::span(&body, id), own),
        None => {
            let inside = body
                .iter()
                .position(|&byte| byte == b'{')
                .map_or(0, |at| at + 1);
            let comma: &[u8] = if fields.is_empty() { b"" } else { b"," };
            let field = [b"\"id\":", own, comma].concat();
            json::splice(&mut out, &body, (inside, inside), &field);
        }
    }
    answer.headers_mut().remove(CONTENT_LENGTH);
    *answer.body_mut() = out.into();
    answer
}

/// Returns the answer to a notification.
fn accepted(fields: &HeaderMap) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().clone_from(fields);
    response.headers_mut().remove(http::header::CONTENT_TYPE);
    response
}
