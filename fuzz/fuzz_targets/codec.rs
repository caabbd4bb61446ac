//! Stored responses as bytes.
//!
//! An even first byte: the rest is a frame's contents, under a right checksum. An odd one: a
//! response, and behind a NUL, bytes to change in its encoded form.
#![no_main]

use std::{convert::Infallible, future::ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use scrimp_cache::{Cache, Codec, Variants};
use scrimp_core::{KeyBuf, KeyRef};
use scrimp_fuzz::{
    cache::{OneEntry, clock, layer, response, run},
    cost::{SMALL, within},
    fields::halves,
};
use tower::{Layer, ServiceExt, service_fn};

/// Offsets of the frame: the checksum covers all bytes behind it.
const SUM: usize = 7;
const COVERED: usize = 11;

/// Corrects the checksum of a frame.
fn sealed(mut frame: Vec<u8>) -> Bytes {
    let sum = crc32fast::hash(&frame[COVERED..]);
    frame[SUM..COVERED].copy_from_slice(&sum.to_le_bytes());
    frame.into()
}

/// Decodes bytes; what can be decoded has one form.
fn decode(codec: &Codec, key: KeyRef<'_>, bytes: &Bytes) -> Option<Variants> {
    let variants = within(SMALL, || codec.decode(key, bytes)).ok()?;
    // No few bytes become a lot of memory.
    assert!(variants.weight() <= 4_096 + 1_024 * bytes.len() as u64);
    let once = stable(codec, key, &variants);
    let again = codec.decode(key, &once).expect("own bytes");
    assert_eq!(stable(codec, key, &again), once);
    Some(variants)
}

fn stable(codec: &Codec, key: KeyRef<'_>, variants: &Variants) -> Bytes {
    codec.encode(key, variants).expect("less than 4 GiB")
}

fn get() -> Request<Full<Bytes>> {
    let request = Request::get("http://a.example/").body(Full::default());
    request.expect("a good request")
}

fn body(entry: &Variants) -> Vec<(u16, http::HeaderMap, Bytes)> {
    let all = entry.iter();
    all.map(|entry| {
        let fields = entry.headers().clone();
        (entry.status().as_u16(), fields, entry.body().clone())
    })
    .collect()
}

fuzz_target!(|data: &[u8]| {
    let codec = Codec::new().clock(clock());
    // What is not its own is refused.
    let raw = Bytes::copy_from_slice(data);
    let _ = codec.decode(KeyBuf::new().part(b"k").as_ref(), &raw);
    let Some((mode, data)) = data.split_first() else {
        return;
    };
    if mode % 2 == 0 {
        let header = *b"SCRM\x03\0\0\0\0\0\0";
        let key = KeyBuf::new();
        decode(&codec, key.as_ref(), &sealed([&header, data].concat()));
        return;
    }
    let (text, pokes) = halves(data);
    let Some(answer) = response(text) else {
        return;
    };
    let store = OneEntry::default();
    let layer = layer(store.clone())
        .rule("ttl=1h")
        .build()
        .expect("good settings");
    let upstream = service_fn(move |_: Request<Full<Bytes>>| {
        ready(Ok::<Response<Full<Bytes>>, Infallible>(answer.clone()))
    });
    let service = layer.layer(upstream);
    call(&service);
    let Some((key, variants)) = store.kept() else {
        return;
    };
    let bytes = stable(&codec, key.as_ref(), &variants);
    let again = codec.decode(key.as_ref(), &bytes).expect("own bytes");
    assert_eq!(body(&again), body(&variants));
    assert_eq!(stable(&codec, key.as_ref(), &again), bytes);

    // Damage is noticed; and where its checksum is right, it does no harm.
    let mut changed = bytes.to_vec();
    for poke in pokes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([poke[0], poke[1]])) % changed.len();
        changed[at] = poke[2];
    }
    if changed[COVERED..] != bytes[COVERED..] {
        let changed = Bytes::from(changed.clone());
        assert!(codec.decode(key.as_ref(), &changed).is_err());
    }
    if let Some(variants) = decode(&codec, key.as_ref(), &sealed(changed)) {
        store.replace(variants);
        call(&service);
    }
});

fn call<S>(service: &Cache<S, OneEntry>)
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    run(async {
        let answer = service.clone().oneshot(get()).await.expect("infallible");
        let _ = answer.into_body().collect().await;
        // Background refreshes.
        tokio::task::yield_now().await;
    });
}
