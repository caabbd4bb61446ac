//! Arbitrary bytes: nothing panics, and a replayed response equals the original.

mod common;

use bytes::Bytes;
use common::{Rig, cases::cases, layer};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use proptest::{collection::vec, prelude::*, sample::select};
use scrimp_cache::{CacheLayerBuilder, Mode};
use scrimp_testkit::{Reply, ScriptedBody};

/// Fields that the cache uses, those of one connection, and some that it does not know.
const NAMES: &[&str] = &[
    "accept-encoding",
    "age",
    "authorization",
    "cache-control",
    "cache-groups",
    "cache-status",
    "cache-tag",
    "cdn-cache-control",
    "connection",
    "content-length",
    "content-location",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expires",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "keep-alive",
    "last-modified",
    "location",
    "pragma",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "surrogate-key",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "x-hop",
    "x-unheard-of",
];

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-hop",
];

/// Frequent parts of field values, right and wrong.
const PIECES: &[&str] = &[
    "max-age=60",
    "s-maxage=9",
    "MAX-AGE=\"60\"",
    "max-age=99999999999999999999",
    "no-store",
    "private=\"set-cookie, x-unheard-of\"",
    "no-cache=\"",
    "public",
    "must-understand",
    "stale-while-revalidate=10",
    "only-if-cached",
    "min-fresh=4294967296",
    "\"a\\\"b\"",
    "W/\"a\"",
    "*",
    "bytes=0-1",
    "bytes=-0,1-,9-3,18446744073709551615-18446744073709551616",
    "Thu, 01 Oct 2026 12:00:00 GMT",
    "Thursday, 01-Oct-26 12:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "x-hop",
    "x-unheard-of",
    "accept-encoding",
    "user:7@12",
    "user:7@",
    "2147483648",
    "-1",
    ",",
    " ",
    "\t",
    "=",
    ";",
    "http://[::1",
    "//other/../x",
];

type Fields = Vec<(&'static str, Vec<u8>)>;

fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(PIECES).prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![
        6 => vec(piece.clone(), 0..4).prop_map(|pieces| pieces.join(&b", "[..])),
        3 => vec(piece.clone(), 0..4).prop_map(|pieces| pieces.concat()),
        3 => vec(any::<u8>(), 0..40),
        // These are thousands of members, or one huge member.
        1 => (piece.clone(), 1usize..4_000).prop_map(|(piece, n)| vec![piece; n].join(&b',')),
        1 => (any::<u8>(), 1usize..60_000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    vec((select(NAMES), value()), 0..12)
}

fn headers(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        // A value that the http crate refuses never reaches a layer.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            map.append(HeaderName::from_static(name), value);
        }
    }
    map
}

fn request(method: &Method, uri: &Uri, fields: &Fields) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers(fields);
    request
}

fn uri() -> impl Strategy<Value = Uri> {
    let text = prop_oneof![
        "/[!-~]{0,30}",
        "https?://[!-~]{1,20}/[!-~]{0,20}",
        "[!-~]{1,20}",
        Just("*".to_owned()),
    ];
    text.prop_map(|text| text.parse().unwrap_or_default())
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        8 => Just(Method::GET),
        1 => Just(Method::HEAD),
        1 => Just(Method::POST),
        1 => Just(Method::OPTIONS),
        1 => Just(Method::from_bytes(b"X").expect("a method")),
    ]
}

fn rig(layer: CacheLayerBuilder, status: u16, fields: &Fields, body: &Bytes) -> Rig {
    let (fields, body) = (headers(fields), body.clone());
    Rig::answering(layer, move |_| {
        let middle = body.len() / 2;
        let parts = ScriptedBody::new()
            .data(body.slice(..middle))
            .data(body.slice(middle..));
        let mut response = Response::new(parts);
        *response.status_mut() = StatusCode::from_u16(status).expect("three digits");
        *response.headers_mut() = fields.clone();
        Reply::respond(response)
    })
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn no_message_makes_the_layer_panic(
        method in method(),
        uri in uri(),
        status in 100u16..1000,
        asked in fields(),
        answered in fields(),
        asked_again in fields(),
        shared in any::<bool>(),
        body in vec(any::<u8>(), 0..100),
    ) {
        let mode = if shared { Mode::Shared } else { Mode::Private };
        let layer = layer().mode(mode).trust_origin_with_cookies();
        let rig = rig(layer, status, &answered, &body.into());
        for fields in [&asked, &asked_again, &asked, &Fields::new()] {
            let sent = rig.send(request(&method, &uri, fields)).now_or_never();
            prop_assert!(sent.expect("an answer at once").is_ok());
            rig.wait(40);
        }
        let post = rig.send(request(&Method::POST, &uri, &asked)).now_or_never();
        prop_assert!(post.expect("an answer at once").is_ok());
        prop_assert!(rig.upstream.faults().is_empty());
        prop_assert_eq!(rig.store.stats().fill_bytes, 0);
    }

    #[test]
    fn what_is_replayed_has_the_bytes_that_came_and_no_fields_of_the_connection(
        status in 200u16..600,
        answered in fields(),
        body in vec(any::<u8>(), 0..5_000),
    ) {
        let body = Bytes::from(body);
        // The rule makes sure that there is a response to replay, whatever the fields say.
        let rule = "ttl=1h override-origin store-set-cookie";
        let mut answered = answered;
        answered.retain(|(name, _)| !["vary", "content-length"].contains(name));
        answered.push(("connection", b"x-hop, keep-alive".to_vec()));
        answered.push(("x-hop", b"1".to_vec()));
        let rig = rig(layer().rule(rule), status, &answered, &body);
        let get = || {
            let sent = rig.send(request(&Method::GET, &Uri::from_static("/x"), &Fields::new()));
            sent.now_or_never().expect("an answer at once").expect("an answer")
        };
        let came = get();
        prop_assert_eq!(&came.body, &body);
        let replayed = get();
        let calls = rig.upstream.calls();
        let hit = replayed.headers.get_all("cache-status").iter().any(|line| {
            let own = b"scrimp; hit";
            line.as_bytes().windows(own.len()).any(|text| text == own)
        });
        prop_assert_eq!(hit, calls == 1, "a hit is what did not go upstream");
        prop_assert_eq!(&replayed.body, &body);
        prop_assert_eq!(replayed.status, came.status);
        if calls == 1 {
            for name in HOP_BY_HOP {
                prop_assert!(!replayed.headers.contains_key(*name), "{}", name);
            }
        }
    }
}
