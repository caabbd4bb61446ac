//! A cache outside of the batch layer, the recommended order: what is stored of a batch is what is
//! stored of single calls.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp::{
    batch::{ArrayInput, BatchCodec, BatchLayer, GraphQl, JsonRpc, RestJson},
    cache::{CacheLayer, MemoryStore},
    core::{BodyDigestLayer, DigestBody},
};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt, service_fn};

type Fields = &'static [(&'static str, &'static str)];

/// Words that an upstream may say of a whole response, beside a lifetime of a minute where it gives none
/// itself. The second caller sends another `x-color`.
const SAID: &[Fields] = &[
    &[],
    &[("cache-control", "no-store")],
    &[("cache-control", "private")],
    &[("cache-control", "private=\"set-cookie\", max-age=60")],
    &[("cache-control", "no-cache")],
    &[("cache-control", "max-age=0")],
    &[("cache-control", "no-store no-cache")],
    &[
        ("cache-control", "max-age=60"),
        ("cache-control", "private"),
    ],
    &[("cdn-cache-control", "no-store")],
    &[("cdn-cache-control", "private")],
    &[("cdn-cache-control", "max-age=0")],
    &[("vary", "*")],
    &[("vary", "accept, x-color")],
    &[("vary", "accept")],
    &[("set-cookie", "sid=1")],
    &[("set-cookie", "a=1"), ("set-cookie", "b=2")],
    &[("expires", "0"), ("cache-control", "x")],
    &[
        ("expires", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("cache-control", "x"),
    ],
    &[("age", "70")],
    &[("age", "5")],
    &[("date", "Sun, 06 Nov 1994 08:49:37 GMT")],
    &[("retry-after", "7")],
    &[
        ("ratelimit", "\"a\";r=0"),
        ("ratelimit-policy", "\"a\";q=1"),
    ],
    &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9")],
];

/// A format of batches, and a service that understands it.
struct Format {
    /// The fields of an item, if items have fields.
    own: Option<Fields>,
    request: fn(usize) -> Request<Full<Bytes>>,
    /// Answers one call, or the calls of an envelope.
    answer: fn(&Request<Bytes>, Option<Fields>) -> Value,
}

impl Format {
    fn respond(&self, request: &Request<Bytes>, said: Fields) -> Response<Full<Bytes>> {
        let batch = request.uri().path() == "/batch";
        let body = (self.answer)(request, self.own).to_string();
        let mut response = Response::new(Full::from(body));
        let own = self.own.filter(|_| !batch).unwrap_or_default();
        let lifetime: Fields = match self.own {
            None if said.iter().all(|(name, _)| *name != "cache-control") => {
                &[("cache-control", "max-age=60")]
            }
            _ => &[],
        };
        let fields = own.iter().chain(lifetime).chain(said);
        for (name, value) in fields.chain(&[("content-type", "application/json")]) {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        response
    }
}

/// Sends requests for these items at once, through a cache and a batch layer around the service. Then
/// another caller sends them again. Returns the number of calls, and the fields of the first answer.
async fn calls<C: BatchCodec>(
    codec: C,
    format: &'static Format,
    rule: &str,
    said: Fields,
    items: std::ops::Range<usize>,
) -> (usize, HeaderMap) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let upstream = service_fn(move |request: Request<DigestBody<Full<Bytes>>>| {
        count.fetch_add(1, Relaxed);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let request = Request::from_parts(head, body);
            Ok::<_, Infallible>(format.respond(&request, said))
        }
    });
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .rule(rule)
        .build()
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(BodyDigestLayer::new(1 << 16))
        .layer(cache)
        .layer(BatchLayer::builder(codec).build().unwrap())
        .service(upstream);
    let mut fields = None;
    for color in ["red", "blue"] {
        let answers = items.clone().map(|n| {
            let (service, mut request) = (service.clone(), (format.request)(n));
            let headers = request.headers_mut();
            headers.insert("x-color", color.parse().unwrap());
            async move {
                let (head, body) = service.oneshot(request).await.unwrap().into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                assert!(String::from_utf8_lossy(&body).contains(&format!("item {n}")));
                head.headers
            }
        });
        let answers = join_all(answers).await;
        fields.get_or_insert_with(|| answers[0].clone());
    }
    (calls.load(Relaxed), fields.unwrap())
}

/// Checks that a batch is stored as a single call is, for everything that an upstream may say.
async fn check<C: BatchCodec>(codec: fn() -> C, format: &'static Format) {
    let mut outcomes = BTreeSet::new();
    for rule in ["body-key", "body-key ttl=5m"] {
        for said in SAID {
            let (alone, single) = calls(codec(), format, rule, said, 0..1).await;
            let (batched, part) = calls(codec(), format, rule, said, 0..2).await;
            // The lifetime of an item does not outdo an Expires of the whole, as it would on one response.
            let expires = said.iter().any(|(name, _)| *name == "expires");
            let outdone = expires && format.own.is_some() && !rule.contains("ttl");
            let expected = if outdone { 2 } else { alone };
            assert_eq!(
                expected, batched,
                "{rule}: {said:?}\nalone {single:?}\nin a batch {part:?}"
            );
            outcomes.insert(batched);
            for (name, value) in *said {
                // A cache reads an Age as its own, and a part may have stricter directives.
                let found = part.get_all(*name).iter().any(|line| line == value);
                let merged = matches!(
                    *name,
                    "age" | "cache-control" | "cdn-cache-control" | "expires"
                );
                assert!(found || merged, "{name}: {value} is lost: {part:?}");
            }
        }
    }
    assert_eq!(
        outcomes.into_iter().collect::<Vec<_>>(),
        [1, 2],
        "some are stored, and some are not"
    );
}

fn post(body: &Value) -> Request<Full<Bytes>> {
    Request::post("http://api.example.com/rpc")
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))
        .unwrap()
}

fn json_of(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

/// Answers one value, or each of an array.
fn each(asked: &Value, one: impl Fn(&Value) -> Value) -> Value {
    match asked.as_array() {
        Some(all) => all.iter().map(one).collect(),
        None => one(asked),
    }
}

fn rest(request: &Request<Bytes>, own: Option<Fields>) -> Value {
    let name = |path: &str| json!(format!("item {}", path.trim_start_matches('/')));
    if request.uri().path() != "/batch" {
        return name(request.uri().path());
    }
    let headers: serde_json::Map<_, _> = own
        .unwrap_or_default()
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let answer = |item: &Value| {
        let body = name(item["url"].as_str().unwrap());
        json!({"id": item["id"], "status": 200, "headers": headers, "body": body})
    };
    json!({"responses": each(&json_of(request)["requests"], answer)})
}

#[tokio::test(start_paused = true)]
async fn items_of_rest_with_a_lifetime_of_their_own_inherit_what_is_said_of_the_whole() {
    static FORMAT: Format = Format {
        own: Some(&[("cache-control", "max-age=60")]),
        request: |n| {
            Request::get(format!("http://api.example.com/{n}"))
                .body(Full::default())
                .unwrap()
        },
        answer: rest,
    };
    check(|| RestJson::new("/batch"), &FORMAT).await;
}

#[tokio::test(start_paused = true)]
async fn items_of_rest_without_fields_inherit_what_is_said_of_the_whole() {
    static FORMAT: Format = Format {
        own: Some(&[]),
        request: |n| {
            Request::get(format!("http://api.example.com/{n}"))
                .body(Full::default())
                .unwrap()
        },
        answer: rest,
    };
    for said in SAID {
        let codec = || RestJson::new("/batch");
        let (alone, _) = calls(codec(), &FORMAT, "body-key ttl=5m", said, 0..1).await;
        let (batched, _) = calls(codec(), &FORMAT, "body-key ttl=5m", said, 0..2).await;
        assert_eq!(alone, batched, "{said:?}");
        // Without a rule, what is said of the whole permits nothing.
        let (batched, _) = calls(codec(), &FORMAT, "body-key", said, 0..2).await;
        assert_eq!(batched, 2, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_json_rpc_have_the_fields_of_the_whole() {
    static FORMAT: Format = Format {
        own: None,
        request: |n| post(&json!({"jsonrpc": "2.0", "method": "get", "params": [n], "id": 7})),
        answer: |request, _| {
            each(&json_of(request), |call| {
                let result = format!("item {}", call["params"][0]);
                json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
            })
        },
    };
    check(JsonRpc::new, &FORMAT).await;
}

#[tokio::test(start_paused = true)]
async fn graphql_queries_have_the_fields_of_the_whole() {
    static FORMAT: Format = Format {
        own: None,
        request: |n| {
            post(&json!({"query": "query Q($n: Int) { item(n: $n) }", "variables": {"n": n}}))
        },
        answer: |request, _| {
            each(
                &json_of(request),
                |query| json!({"data": {"item": format!("item {}", query["variables"]["n"])}}),
            )
        },
    };
    check(GraphQl::new, &FORMAT).await;
}

#[tokio::test(start_paused = true)]
async fn inputs_in_an_array_have_the_fields_of_the_whole() {
    static FORMAT: Format = Format {
        own: None,
        request: |n| post(&json!({"model": "m", "input": [format!("item {n}")]})),
        answer: |request, _| {
            let inputs = json_of(request)["input"].take();
            let inputs = inputs.as_array().unwrap().iter().enumerate();
            let data: Value = inputs
                .map(|(n, input)| json!({"index": n, "embedding": input}))
                .collect();
            json!({"data": data})
        },
    };
    check(ArrayInput::new, &FORMAT).await;
}
