//! No answer of an upstream reaches another caller.

use crate::support;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::Full;
use proptest::{prelude::*, sample::Index};
use scrimp_batch::{ArrayInput, BatchCodec, BatchLayer, GraphQl, JsonRpc, RestJson};
use scrimp_core::extensions::{Carried, ItemAnswers};
use serde_json::{Value, json};
use tower::Layer;

use support::{Body, Upstream, get, post, send};

/// Change of the answers to a batch by a faulty upstream.
#[derive(Debug, Clone)]
enum Harm {
    Swap(Index, Index),
    Drop(Index),
    Twice(Index),
    /// An item's answer under the id of another item, besides that item's own answer.
    Forge(Index, Index),
    /// An id of the layer in another spelling.
    Respell(Index, Spelling),
    Foreign(u64),
    NoId(Index),
    Junk,
}

#[derive(Debug, Clone, Copy)]
enum Spelling {
    Padded,
    Float,
    Text,
    Null,
    List,
}

fn harm() -> impl Strategy<Value = Harm> {
    let index = any::<Index>;
    let spelling = prop_oneof![
        Just(Spelling::Padded),
        Just(Spelling::Float),
        Just(Spelling::Text),
        Just(Spelling::Null),
        Just(Spelling::List)
    ];
    prop_oneof![
        (index(), index()).prop_map(|(a, b)| Harm::Swap(a, b)),
        index().prop_map(Harm::Drop),
        index().prop_map(Harm::Twice),
        (index(), index()).prop_map(|(a, b)| Harm::Forge(a, b)),
        (index(), spelling).prop_map(|(a, how)| Harm::Respell(a, how)),
        (1_000u64..2_000).prop_map(Harm::Foreign),
        index().prop_map(Harm::NoId),
        Just(Harm::Junk),
    ]
}

fn respelled(id: &Value, how: Spelling) -> Value {
    let text = id.as_str().map_or_else(|| id.to_string(), Into::into);
    match how {
        Spelling::Padded => format!("0{text}").into(),
        Spelling::Float => serde_json::from_str(&format!("{text}.0")).unwrap(),
        Spelling::Text => format!(" {text}").into(),
        Spelling::Null => Value::Null,
        Spelling::List => json!([id]),
    }
}

/// Changes answers that have their id in a member. Forgeries come last, beside the answer that they
/// forge: a forgery alone under a valid id cannot be told from a true answer.
fn apply(answers: &mut Vec<Value>, harms: &[Harm], id: &str, foreign: impl Fn(u64) -> Value) {
    let (forged, other): (Vec<&Harm>, Vec<_>) = harms
        .iter()
        .partition(|harm| matches!(harm, Harm::Forge(..)));
    for harm in other.into_iter().chain(forged) {
        let len = answers.len();
        if len == 0 {
            return;
        }
        match harm {
            Harm::Swap(a, b) => answers.swap(a.index(len), b.index(len)),
            Harm::Drop(a) => drop(answers.remove(a.index(len))),
            Harm::Twice(a) => answers.push(answers[a.index(len)].clone()),
            Harm::Forge(a, b) => {
                let mut forged = answers[a.index(len)].clone();
                forged[id] = answers[b.index(len)][id].clone();
                answers.push(forged);
            }
            Harm::Respell(a, how) => {
                let answer = &mut answers[a.index(len)];
                answer[id] = respelled(&answer[id], *how);
            }
            Harm::Foreign(number) => answers.push(foreign(*number)),
            Harm::NoId(a) => {
                let answer = answers[a.index(len)].as_object_mut();
                answer.map(|answer| answer.remove(id));
            }
            Harm::Junk => answers.push(json!([{"id": {}}, null, 7])),
        }
    }
}

/// Sends `requests` through a layer, and checks that every answer is the caller's own or a problem
/// document.
fn deliver<C: BatchCodec>(
    codec: C,
    upstream: &Upstream,
    requests: Vec<Request<Body>>,
    own: impl Fn(usize, &str) -> bool,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let service = BatchLayer::builder(codec)
            .retries(0)
            .build()
            .unwrap()
            .layer(upstream.clone());
        let calls = requests
            .into_iter()
            .map(|request| send(service.clone(), request));
        for (n, answer) in join_all(calls).await.into_iter().enumerate() {
            let answer = answer.unwrap();
            let failed = answer
                .headers()
                .get("content-type")
                .is_some_and(|kind| kind == "application/problem+json");
            assert!(failed || own(n, answer.body()), "caller {n} got {answer:?}");
        }
    });
}

fn upstream(answer: impl Fn(Value) -> Value + Send + Sync + 'static) -> Upstream {
    let answer = Arc::new(answer);
    Upstream::new(move |request: Request<Bytes>| {
        let body = answer(serde_json::from_slice(request.body()).unwrap()).to_string();
        std::future::ready(Ok(Response::new(Full::from(body))))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rest_answers_reach_their_own_callers(count in 2usize..9, harms in prop::collection::vec(harm(), 0..6)) {
        let upstream = upstream(move |asked| {
            let asked = asked["requests"].as_array().unwrap();
            let mut answers = asked.iter().map(|item| json!({"id": item["id"], "status": 200, "body": item["url"]})).collect();
            apply(&mut answers, &harms, "id", |id| json!({"id": id.to_string(), "status": 200, "body": "foreign"}));
            json!({"responses": answers})
        });
        let requests = (0..count).map(|n| get(&format!("/{n}"))).collect();
        deliver(RestJson::new("/batch"), &upstream, requests, |n, body| body == format!("\"/{n}\""));
    }

    #[test]
    fn rpc_answers_reach_their_own_callers_under_the_ids_they_gave(
        ids in prop::collection::vec("(0|-?[1-9][0-9]{0,3}(\\.5e1)?|\"(a| |\\\\u00e9){0,3}\"|null)", 2..9),
        harms in prop::collection::vec(harm(), 0..6),
    ) {
        let upstream = upstream(move |asked| {
            let asked = asked.as_array().unwrap();
            let mut answers = asked.iter().map(|call| json!({"jsonrpc": "2.0", "id": call["id"], "result": call["params"]})).collect();
            apply(&mut answers, &harms, "id", |id| json!({"jsonrpc": "2.0", "id": id, "result": ["foreign"]}));
            Value::Array(answers)
        });
        let call = |(n, id): (usize, &String)| post("/rpc", format!("{{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":[{n}],\"id\" : {id}}}"));
        let requests = ids.iter().enumerate().map(call).collect();
        deliver(JsonRpc::new(), &upstream, requests, |n, body| {
            body.contains(&format!("\"result\":[{n}]")) && body.contains(&format!("\"id\":{}", ids[n]))
        });
    }

    #[test]
    fn inputs_get_their_own_vectors_numbered_from_zero(
        counts in prop::collection::vec(1usize..4, 2..7),
        harms in prop::collection::vec(harm(), 0..6),
    ) {
        let upstream = upstream(move |asked| {
            let inputs = asked["input"].as_array().unwrap();
            let mut data = inputs.iter().enumerate().map(|(n, input)| json!({"index": n, "embedding": [input]})).collect();
            apply(&mut data, &harms, "index", |n| json!({"index": n + 100, "embedding": ["foreign"]}));
            json!({"object": "list", "data": data, "usage": {"total_tokens": inputs.len() * 10 + 3}})
        });
        let inputs = |n: usize| (0..counts[n]).map(|k| format!("{n}-{k}")).collect::<Vec<_>>();
        let requests = (0..counts.len()).map(|n| post("/embed", json!({"model": "m", "input": inputs(n)}).to_string())).collect();
        deliver(ArrayInput::new(), &upstream, requests, |n, body| {
            let body: Value = serde_json::from_str(body).unwrap();
            let expected: Vec<_> = inputs(n).iter().enumerate().map(|(k, input)| json!({"index": k, "embedding": [input]})).collect();
            body["data"] == json!(expected)
        });
    }

    #[test]
    fn a_list_without_ids_answers_no_caller_unless_it_is_as_long_as_the_batch(
        count in 2usize..9, harms in prop::collection::vec(harm(), 0..3),
    ) {
        // Without ids only the number of answers can be checked, and not their order.
        let harms: Vec<_> = harms.into_iter().filter(|harm| matches!(harm, Harm::Drop(_) | Harm::Foreign(_) | Harm::Twice(_))).collect();
        let only = harms.iter().fold(0i32, |sum, harm| sum + if matches!(harm, Harm::Drop(_)) { -1 } else { 1 });
        prop_assume!(harms.is_empty() || only != 0);
        let upstream = upstream(move |asked| {
            let mut answers = asked.as_array().unwrap().iter().map(|item| json!({"data": item["variables"]})).collect();
            apply(&mut answers, &harms, "data", |_| json!({"data": "foreign"}));
            Value::Array(answers)
        });
        let requests = (0..count).map(|n| post("/graphql", json!({"query": "query($n: Int) { a }", "variables": n}).to_string())).collect();
        deliver(GraphQl::new(), &upstream, requests, |n, body| *body == *json!({"data": n}).to_string());
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(
        status in prop_oneof![Just(200u16), Just(400), Just(413), Just(500)],
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[\\[\\]{}:,\"0-9a-z\\\\ ]{0,60}".prop_map(String::into_bytes),
            "\\[\\{\"(id|index|data|result|status)\":(1|\"1\"|null),\"(id|result|body)\":[\\[{\"]{0,3}".prop_map(String::into_bytes),
        ],
    ) {
        let reply = move |_| {
            let mut response = Response::new(Full::from(body.clone()));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            std::future::ready(Ok(response))
        };
        let any_status = |_: usize, _: &str| true;
        let batch = |n: usize| post("/x", json!({"jsonrpc": "2.0", "method": "m", "id": n, "query": "{a}", "input": [n.to_string()]}).to_string());
        let requests = || (0..3).map(batch).collect::<Vec<_>>();
        deliver(JsonRpc::new().safe(|_| true), &Upstream::new(reply.clone()), requests(), any_status);
        deliver(GraphQl::new(), &Upstream::new(reply.clone()), requests(), any_status);
        deliver(ArrayInput::new(), &Upstream::new(reply.clone()), requests(), any_status);
        let gets = (0..3).map(|n| get(&format!("/{n}"))).collect();
        deliver(RestJson::new("/batch"), &Upstream::new(reply), gets, any_status);
    }
}

/// A caller, by number.
#[derive(Clone)]
struct Caller(u8);

#[tokio::test(start_paused = true)]
async fn answers_that_an_inner_service_has_apart_go_to_their_callers_whatever_the_body_says() {
    let upstream = Upstream::new(|request: Request<Bytes>| {
        let mut response = Response::new(Body::from("no batch"));
        if let Some(Carried(all)) = request.extensions().get() {
            // The last of them has none.
            let answer = |one: &http::Extensions| {
                let Caller(number) = one.get()?;
                (*number < 4).then(|| Response::new(Bytes::from(number.to_string())))
            };
            let answers = all.iter().map(answer).collect();
            response.extensions_mut().insert(ItemAnswers(answers));
        }
        std::future::ready(Ok(response))
    });
    let requests = ["/a", "/a", "/b", "/c", "/d"].into_iter().zip(0..);
    let requests = requests.map(|(path, number)| {
        let mut request = get(path);
        request.extensions_mut().insert(Caller(number));
        request
    });
    let layer = support::layer().retries(0).build().unwrap();
    let answers = support::all(&layer, &upstream, requests).await;
    let bodies: Vec<_> = answers
        .iter()
        .map(|answer| answer.body().as_str())
        .collect();
    // Equal requests have the answer of the first.
    assert_eq!(bodies[..4], ["0", "0", "2", "3"]);
    assert_eq!(support::reason(&answers[4]), "missing");
    assert!(
        answers
            .iter()
            .all(|answer| answer.extensions().get::<ItemAnswers>().is_none())
    );
    assert_eq!((upstream.calls(), layer.stats().missing), (1, 1));
}
