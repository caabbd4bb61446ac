//! What all targets do: a batch of three, and bytes for an answer.

pub mod cache;
pub mod cost;
pub mod fields;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use scrimp_batch::{BatchCodec, Credentials, Decoded, Item};
use scrimp_core::KeyBuf;

/// Lets a codec decode arbitrary bytes as the answer to `requests`, and look at what came out.
///
/// # Panics
///
/// If the codec does, or gives another number of answers than there were requests.
pub fn decode(
    codec: &impl BatchCodec,
    requests: &[Request<Bytes>],
    data: &[u8],
) -> Vec<Option<Response<Bytes>>> {
    let items: Vec<Item> = (1..)
        .zip(requests)
        .map(|(id, request)| item(codec, id, request))
        .collect();
    let items: Vec<&Item> = items.iter().collect();
    let (code, body) = data.split_first().unwrap_or((&0, &[]));
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = [
        StatusCode::OK,
        StatusCode::BAD_REQUEST,
        StatusCode::PAYLOAD_TOO_LARGE,
    ][usize::from(*code) % 3];
    let answers = match codec.decode(&items, &response) {
        Decoded::Answers(answers) => answers,
        Decoded::Stopped { answers, at, limit } => {
            assert!(at <= items.len(), "the place is one of the batch");
            assert!(limit.is_none_or(|limit| (1..items.len()).contains(&limit)));
            answers
        }
        Decoded::AtMost(limit) => {
            assert!((1..items.len()).contains(&limit), "a limit of fewer items");
            return Vec::new();
        }
        _ => return Vec::new(),
    };
    assert_eq!(answers.len(), items.len(), "an answer, or none, for each");
    for (item, answer) in items.iter().zip(&answers) {
        if let Some(answer) = answer {
            let _ = codec.verdict(item, answer);
            let _ = codec.duplicate(item, item, answer);
        }
    }
    answers
}

fn item(codec: &impl BatchCodec, id: u64, request: &Request<Bytes>) -> Item {
    let (head, body) = request.clone().into_parts();
    let admission = codec
        .admit(&head, &body, &mut KeyBuf::new())
        .expect("a good request");
    Item::new(id, head, body, admission, Credentials::default())
}

/// A POST of JSON.
#[must_use]
pub fn post(body: &str) -> Request<Bytes> {
    let request =
        Request::post("http://api.example.com/x").header("content-type", "application/json");
    request
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .expect("a good request")
}
