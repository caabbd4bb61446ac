//! Calls that take an array of inputs, such as embeddings.

use std::num::NonZeroU64;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Parts};
use scrimp_core::{KeyBuf, SettingError};
use scrimp_http::{media_type, part};
use serde_json::value::RawValue;

use super::{
    Admission, BatchCodec, Decoded, Item,
    head::{same_head, without_framing},
    json::{self, Fields},
};
use crate::{group::place, money::share};

/// Codec for calls that take one input or an array of inputs, like OpenAI's embeddings:
/// `{"model": …, "input": […]}` is answered by `{"data": [{"index": 0, …}, …], "usage": …}`.
///
/// Inputs of calls that are equal in all other members go into one array. Answers are matched by
/// `index`, which starts at 0 for each caller. The counts in `usage` are split by the number of
/// inputs, so that their sums stay the same.
///
/// Calls must have no effects: they are sent again, one by one, after a batch that timed out.
#[derive(Debug, Clone)]
pub struct ArrayInput {
    inputs: u64,
}

// === impl ArrayInput ===

impl ArrayInput {
    /// Returns a codec with up to 2,048 inputs in a batch.
    #[must_use]
    pub fn new() -> Self {
        Self { inputs: 2_048 }
    }

    /// Limits the inputs in a batch. Range: 1 or more. Default: 2,048.
    #[must_use]
    pub fn limit(mut self, inputs: u64) -> Self {
        self.inputs = inputs;
        self
    }
}

impl Default for ArrayInput {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchCodec for ArrayInput {
    fn accepts(&self, head: &Parts) -> bool {
        head.method == Method::POST && media_type::is_json(&head.headers)
    }

    fn admit(&self, head: &Parts, body: &Bytes, lane: &mut KeyBuf) -> Option<Admission> {
        let mut fields = json::object(body)?;
        let inputs = inputs(json::get(&fields, "input")?)?;
        let count = inputs.len();
        same_head(head, lane);
        // Texts and tokens cannot share an array.
        lane.part(&[json::first(inputs.first()?)]);
        fields.retain(|(name, _)| name != "input");
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, value) in &fields {
            lane.part(name.as_bytes()).part(value.get().as_bytes());
        }
        Some(Admission {
            replayable: true,
            identity: Some(KeyBuf::new().part(body).to_key()),
            weight: u32::try_from(count).ok()?,
            ..Admission::default()
        })
    }

    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>> {
        let first = items.first()?;
        let fields = json::object(&first.body)?;
        let all: Option<Vec<_>> = items.iter().map(|item| inputs_of(&item.body)).collect();
        let list = json::list(all?.concat(), |input, out| {
            out.extend_from_slice(input.get().as_bytes());
        });
        let mut body = Vec::with_capacity(list.len() + 256);
        let at = json::span(&first.body, json::get(&fields, "input")?);
        json::splice(&mut body, &first.body, at, &list);
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = first.head.uri.clone();
        *request.headers_mut() = without_framing(&first.head.headers);
        Some(request)
    }

    fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded {
        let fields = json::object(response.body());
        let data = fields.as_ref().and_then(|fields| json::get(fields, "data"));
        let (Some(fields), Some(data)) = (&fields, data) else {
            return match response.status() {
                status if status.is_success() => Decoded::unattributed(items.len()),
                _ => Decoded::of_response(items.len(), response),
            };
        };
        let counts: Vec<usize> = items
            .iter()
            .map(|item| item.admission.weight as usize)
            .collect();
        let inputs: usize = counts.iter().sum();
        let elements = json::array(data.get().as_bytes());
        // Items without an input have no answer.
        let (Some(elements), Some(total)) = (elements, NonZeroU64::new(inputs as u64)) else {
            return Decoded::unattributed(items.len());
        };
        let elements = place(inputs, elements.into_iter().filter_map(indexed));
        let head = part::fields(response.headers());
        let mut start = 0;
        let answers = counts.iter().map(|count| {
            let range = start..start + count;
            start = range.end;
            let own: Option<Vec<_>> = elements[range.clone()].iter().copied().collect();
            let own_part = Part {
                start: range.start as u64,
                count: *count as u64,
                total,
            };
            Some(answer(fields, &own?, own_part, (response.status(), &head)))
        });
        Decoded::Answers(answers.collect())
    }

    fn check(&self) -> Result<(), SettingError> {
        SettingError::within("ArrayInput", "limit", self.inputs, 1..).map(drop)
    }

    fn max_weight(&self) -> u64 {
        self.inputs
    }

    fn max_items(&self) -> usize {
        usize::try_from(self.inputs).unwrap_or(usize::MAX)
    }
}

/// Returns the inputs: one text, an array of texts, one array of tokens, or an array of arrays of
/// tokens.
fn inputs(input: &RawValue) -> Option<Vec<&RawValue>> {
    match json::first(input) {
        b'"' => Some(vec![input]),
        b'[' => {
            let elements = json::array(input.get().as_bytes())?;
            match elements.first().map(|element| json::first(element)) {
                Some(b'"' | b'[' | b'{') => Some(elements),
                Some(_) => Some(vec![input]),
                None => None,
            }
        }
        _ => None,
    }
}

fn inputs_of(body: &[u8]) -> Option<Vec<&RawValue>> {
    inputs(json::get(&json::object(body)?, "input")?)
}

/// Place of one caller's inputs among all inputs of a batch.
#[derive(Clone, Copy)]
struct Part {
    start: u64,
    count: u64,
    total: NonZeroU64,
}

/// An element of `data`, and the place of its index.
type Element<'a> = (&'a RawValue, (usize, usize));

fn indexed(element: &RawValue) -> Option<(usize, Element<'_>)> {
    let json = element.get().as_bytes();
    let index = json::get(&json::object(json)?, "index")?;
    let at = json::span(json, index);
    Some((index.get().parse().ok()?, (element, at)))
}

/// Returns one caller's answer: the whole with its own elements, and its part of the usage.
fn answer(
    fields: &Fields<'_>,
    own: &[Element<'_>],
    part: Part,
    (status, head): (StatusCode, &HeaderMap),
) -> Response<Bytes> {
    let mut out = vec![b'{'];
    for (name, value) in fields {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(json::quote(name).as_bytes());
        out.push(b':');
        match name.as_str() {
            "data" => out.extend_from_slice(&json::list(own.iter().enumerate(), write_element)),
            "usage" => out.extend_from_slice(&usage(value, part)),
            _ => out.extend_from_slice(value.get().as_bytes()),
        }
    }
    out.push(b'}');
    let mut response = Response::new(Bytes::from(out));
    *response.status_mut() = status;
    response.headers_mut().clone_from(head);
    response
}

fn write_element((index, (element, at)): (usize, &Element<'_>), out: &mut Vec<u8>) {
    json::splice(
        out,
        element.get().as_bytes(),
        *at,
        index.to_string().as_bytes(),
    );
}

/// Splits every whole number of the usage, and keeps the rest as it is.
fn usage(value: &RawValue, part: Part) -> Vec<u8> {
    let Some(fields) = json::object(value.get().as_bytes()) else {
        return value.get().into();
    };
    let mut out = vec![b'{'];
    for (name, value) in fields {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(json::quote(&name).as_bytes());
        out.push(b':');
        match value.get().parse::<u64>() {
            Ok(number) => {
                let own = share(number.into(), part.start, part.count, part.total);
                out.extend_from_slice(own.to_string().as_bytes());
            }
            Err(_) => out.extend_from_slice(value.get().as_bytes()),
        }
    }
    out.push(b'}');
    out
}
