//! Requests of clients on their way into a batch, for every codec.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, Request};
use libfuzzer_sys::fuzz_target;
use scrimp_batch::{ArrayInput, BatchCodec, Credentials, GraphQl, Item, JsonRpc, RestJson};
use scrimp_core::KeyBuf;
use scrimp_fuzz::{
    cache::head,
    cost::{SMALL, within},
    post,
};
use serde_json::value::RawValue;

/// Admits a request, as the layer does.
fn admit(codec: &impl BatchCodec, id: u64, request: &Request<Bytes>) -> Option<(Item, Vec<u8>)> {
    let (head, body) = request.clone().into_parts();
    let mut lane = KeyBuf::new();
    if !codec.accepts(&head) {
        return None;
    }
    let admission = within(SMALL, || codec.admit(&head, &body, &mut KeyBuf::new()))?;
    codec.admit(&head, &body, &mut lane)?;
    let item = Item::new(id, head, body, admission, Credentials::default());
    Some((item, lane.as_ref().as_bytes().to_vec()))
}

/// Encodes the request with another of its lane, as elements of JSON.
fn encode(codec: &impl BatchCodec, request: &Request<Bytes>) -> Option<(Vec<Item>, Bytes)> {
    let (first, lane) = admit(codec, 1, request)?;
    let (second, same) = admit(codec, 2, request).expect("as the first");
    assert_eq!(lane, same, "equal requests share a lane");
    assert_eq!(first.admission.identity, second.admission.identity);
    let batch = within(SMALL, || codec.encode(&[&first, &second]))?;
    let body = batch.into_body();
    serde_json::from_slice::<serde::de::IgnoredAny>(&body).expect("a batch is JSON");
    Some((vec![first, second], body))
}

fn elements(json: &[u8]) -> Vec<&RawValue> {
    serde_json::from_slice(json).expect("an array")
}

fn member<'a>(json: &'a [u8], name: &str) -> Option<&'a RawValue> {
    let object: std::collections::HashMap<String, &RawValue> = serde_json::from_slice(json).ok()?;
    object.get(name).copied()
}

fuzz_target!(|data: &[u8]| {
    let (headers, body): (HeaderMap, _) = head(data);
    let mut request = post("");
    request.headers_mut().extend(headers);
    *request.body_mut() = Bytes::copy_from_slice(body);

    if let Some((items, batch)) = encode(&GraphQl::new(), &request) {
        let own = body.trim_ascii();
        let all = elements(&batch);
        assert!(all.len() == items.len() && all.iter().all(|one| one.get().as_bytes() == own));
    }
    if let Some((items, batch)) = encode(&JsonRpc::new().safe(|_| true), &request) {
        let all = elements(&batch);
        assert_eq!(all.len(), items.len());
        for (item, one) in items.iter().zip(all) {
            let one = one.get().as_bytes();
            let id = member(one, "id").map(RawValue::get);
            // Each call has an id of the layer's; a notification has none.
            let expected = item.admission.span.map(|_| item.id.to_string());
            assert_eq!(id, expected.as_deref());
            let method = member(one, "method").map(RawValue::get);
            assert_eq!(method, member(body, "method").map(RawValue::get));
        }
    }
    if let Some((items, batch)) = encode(&ArrayInput::new(), &request) {
        let inputs = elements(member(&batch, "input").expect("inputs").get().as_bytes());
        let counts = items.iter().map(|item| item.admission.weight as usize);
        assert_eq!(inputs.len(), counts.sum::<usize>());
    }
    let rest = RestJson::new("/batch").any_method();
    if let Some((items, batch)) = encode(&rest, &request) {
        let requests = elements(
            member(&batch, "requests")
                .expect("requests")
                .get()
                .as_bytes(),
        );
        assert_eq!(requests.len(), items.len());
        for one in requests {
            let fields = member(one.get().as_bytes(), "headers");
            let fields = fields.map_or("", RawValue::get).to_ascii_lowercase();
            // Credentials are the batch's, and never an item's.
            assert!(!fields.contains("\"authorization\":"), "{fields}");
        }
    }
});
