//! Answers of a batch as the codecs read them, by their own functions.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use scrimp_batch::{
    Admission, ArrayInput, BatchCodec, Decoded, GraphQl, Item, JsonRpc, RestJson, Verdict,
};
use scrimp_core::KeyBuf;
use scrimp_http::credentials::Credentials;
use serde_json::{Value, json};

/// Returns the items of requests with these bodies, with ids from 1 on.
fn items(codec: &impl BatchCodec, bodies: &[&str]) -> Vec<Item> {
    let item = |(id, body): (u64, &&str)| {
        let request = Request::post("http://a.example/rpc")
            .header("content-type", "application/json")
            .body(Bytes::copy_from_slice(body.as_bytes()));
        let (head, body) = request.unwrap().into_parts();
        let admission = codec.admit(&head, &body, &mut KeyBuf::new()).unwrap();
        Item::new(id, head, body, admission, Credentials::default())
    };
    (1..).zip(bodies).map(item).collect()
}

const CALL: &str = r#"{"jsonrpc":"2.0","method":"m","id":"mine"}"#;
const NOTIFICATION: &str = r#"{"jsonrpc":"2.0","method":"m"}"#;

/// Returns what calls with these bodies make of an answer.
fn decoded(bodies: &[&str], status: u16, answer: &str) -> Decoded {
    let codec = JsonRpc::new();
    let items = items(&codec, bodies);
    let items: Vec<_> = items.iter().collect();
    let mut response = Response::new(Bytes::from(answer.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    codec.decode(&items, &response)
}

/// Returns the statuses of the answers, with 0 for a call without one, and where the upstream stopped.
fn of_rpc(bodies: &[&str], status: u16, answer: &Value) -> (Vec<u16>, Option<usize>) {
    let (answers, at) = match decoded(bodies, status, &answer.to_string()) {
        Decoded::Answers(answers) => (answers, None),
        Decoded::Stopped { answers, at, .. } => (answers, Some(at)),
        other => panic!("{other:?}"),
    };
    let status =
        |answer: Option<Response<Bytes>>| answer.map_or(0, |answer| answer.status().as_u16());
    (answers.into_iter().map(status).collect(), at)
}

fn result(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": true})
}

fn refusal(id: impl Into<Value>, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "error": {"code": -32_000, "message": message}})
}

#[test]
fn an_error_for_a_batch_of_one_call_is_the_answer_to_it() {
    for answer in [
        json!([refusal(1, "batch limit exceeded")]),
        json!([refusal(Value::Null, "batch limit exceeded")]),
        refusal(Value::Null, "batch limit exceeded"),
        json!({"error": {"code": -32_600, "message": "Invalid Request"}}),
    ] {
        assert_eq!(of_rpc(&[CALL], 200, &answer), (vec![200], None), "{answer}");
    }
}

#[test]
fn calls_behind_the_last_answer_were_not_carried_out_and_a_gap_before_it_is_unknown() {
    let refused = refusal(Value::Null, "batch limit exceeded");
    let answers = json!([result(1), result(3), refused]);
    assert_eq!(
        of_rpc(&[CALL; 5], 200, &answers),
        (vec![200, 0, 200, 0, 0], Some(3))
    );
}

#[test]
fn a_notification_was_carried_out_if_a_call_behind_it_was_or_a_later_one_was_refused() {
    let calls = [CALL, NOTIFICATION, CALL, NOTIFICATION];
    let answers = json!([result(1), refusal(3, "batch limit exceeded")]);
    assert_eq!(
        of_rpc(&calls, 200, &answers),
        (vec![200, 204, 0, 0], Some(2))
    );
    // The refusal names no call: it may be that of the notification.
    let answers = json!([result(1), refusal(Value::Null, "batch limit exceeded")]);
    assert_eq!(
        of_rpc(&calls[..3], 200, &answers),
        (vec![200, 0, 0], Some(1))
    );
    // Answers in any order, with a limit in the message.
    let answers = json!([refusal(1, "batch limit is 2"), result(3)]);
    assert_eq!(
        of_rpc(&calls[..3], 200, &answers),
        (vec![0, 204, 200], Some(0))
    );
}

#[test]
fn a_notification_in_a_batch_that_failed_is_not_accepted() {
    let calls = [CALL, NOTIFICATION];
    let answers = json!([result(1)]);
    assert_eq!(of_rpc(&calls, 200, &answers).0[1], 204);
    assert_eq!(of_rpc(&calls, 500, &answers).0[1], 0);
    assert_eq!(of_rpc(&[NOTIFICATION], 500, &json!([])).0, [0]);
}

#[test]
fn a_failure_of_notifications_is_no_acceptance() {
    let failed = decoded(&[NOTIFICATION; 2], 500, "down");
    assert!(matches!(failed, Decoded::Whole), "{failed:?}");
    assert_eq!(
        of_rpc(&[NOTIFICATION; 2], 200, &json!({"odd": 1})).0,
        [0, 0]
    );
}

#[test]
fn one_error_with_an_id_is_that_of_its_call_and_of_no_other() {
    let calls = [CALL; 2];
    assert_eq!(
        of_rpc(&calls, 200, &json!([refusal(2, "no")])),
        (vec![0, 200], None)
    );
    // Codes of calls at fault decide among several, and words where there is but one error.
    let fault = |code: i64| json!({"id": 2, "error": {"code": code, "message": "batch too large"}});
    let answers = json!([result(1), fault(-32_602)]);
    assert_eq!(of_rpc(&calls, 200, &answers), (vec![200, 200], None));
    let alone = decoded(&calls, 200, &json!([fault(-32_602)]).to_string());
    assert!(matches!(alone, Decoded::Split), "{alone:?}");
    let invalid = json!({"id": 2, "error": {"code": -32_600, "message": "Invalid Request"}});
    let answers = json!([result(1), invalid]);
    assert_eq!(of_rpc(&calls, 200, &answers), (vec![200, 200], None));
}

#[test]
fn an_upstream_that_stops_without_a_number_teaches_none() {
    let stopped = |message: &str| {
        let answers = json!([result(1), refusal(3, message)]).to_string();
        match decoded(&[CALL; 3], 200, &answers) {
            Decoded::Stopped { limit, .. } => limit,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(stopped("batch limit exceeded"), None);
    assert_eq!(stopped("batch limit is 2"), Some(2));
    assert_eq!(stopped("batches are not supported"), Some(1));
}

#[test]
fn a_long_error_is_repeated_up_to_64_kib_and_one_call_gets_it_however_long() {
    let answer = |length: usize| {
        let frame = r#"{"error":{"code":-32000,"message":""}}"#.len();
        let message = "x".repeat(length - frame);
        json!({"error": {"code": -32_000, "message": message}})
    };
    assert_eq!(of_rpc(&[CALL; 2], 200, &answer(64 << 10)).0, [200, 200]);
    assert_eq!(of_rpc(&[CALL; 2], 200, &answer((64 << 10) + 1)).0, [0, 0]);
    assert_eq!(of_rpc(&[CALL], 200, &answer(80 << 10)).0, [200]);
}

#[test]
fn too_many_requests_is_a_call_that_was_not_done_whatever_the_error_says() {
    let codec = JsonRpc::new();
    let item = items(&codec, &[CALL]).remove(0);
    let verdict = |status: u16, code: i64| {
        let body = json!({"id": 1, "error": {"code": code, "message": "x"}}).to_string();
        let answer = Response::builder()
            .status(status)
            .header("retry-after", "7")
            .body(Bytes::from(body));
        codec.verdict(&item, &answer.unwrap())
    };
    let wait = Some(std::time::Duration::from_secs(7));
    assert_eq!(verdict(429, -32_603), Verdict::NotDone(wait));
    assert_eq!(verdict(503, -32_603), Verdict::Transient(wait));
    assert_eq!(verdict(200, -32_603), Verdict::Final);
    assert_eq!(verdict(200, -32_005), Verdict::NotDone(wait));
}

#[test]
fn an_answer_to_embeddings_without_data_is_that_of_all_only_if_it_is_a_failure() {
    let codec = ArrayInput::new();
    let items = items(&codec, &[r#"{"input":"a"}"#, r#"{"input":"b"}"#]);
    let items: Vec<_> = items.iter().collect();
    let of_status = |status: u16| {
        let response = Response::builder().status(status);
        let response = response.body(Bytes::from(r#"{"detail":"x"}"#)).unwrap();
        codec.decode(&items, &response)
    };
    let Decoded::Answers(answers) = of_status(200) else {
        panic!("a success without data answers no one");
    };
    assert!(answers.iter().all(Option::is_none) && answers.len() == 2);
    assert!(matches!(of_status(500), Decoded::Whole));
    assert!(matches!(of_status(404), Decoded::Alone));
    assert!(matches!(of_status(400), Decoded::Split));
}

/// Admits a request with this method, path and body.
fn admitted(codec: &impl BatchCodec, method: &str, path: &str, body: &str) -> Option<Admission> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Bytes::copy_from_slice(body.as_bytes()));
    let (head, body) = request.unwrap().into_parts();
    codec
        .accepts(&head)
        .then(|| codec.admit(&head, &body, &mut KeyBuf::new()))?
}

#[test]
fn queries_embeddings_and_gets_may_be_sent_twice_and_equal_ones_share_an_answer() {
    fn check(codec: &impl BatchCodec, method: &str, path: &str, bodies: [&str; 2]) {
        let one = |body: &str| admitted(codec, method, path, body).unwrap();
        let [first, other] = bodies.map(one);
        assert!(first.replayable, "{method} {path}");
        assert!(first.identity.is_some(), "{method} {path}");
        assert_eq!(first.identity, one(bodies[0]).identity);
        assert_ne!(first.identity, other.identity);
    }
    let queries = [r#"{"query":"{ a }"}"#, r#"{"query":"{ b }"}"#];
    check(&GraphQl::new(), "POST", "/graphql", queries);
    let inputs = [r#"{"input":"a"}"#, r#"{"input":"b"}"#];
    check(&ArrayInput::new(), "POST", "/v1/embeddings", inputs);
    check(&RestJson::new("/batch"), "GET", "/a", ["", "{}"]);
    let safe = Admission::safe();
    assert!(safe.replayable && safe.identity.is_none());
}

#[test]
fn requests_that_may_differ_in_their_effects_or_bodies_share_no_answer() {
    let rest = RestJson::new("/batch").any_method();
    for (method, body) in [("POST", ""), ("DELETE", ""), ("HEAD", ""), ("GET", "{}")] {
        let admission = admitted(&rest, method, "/a", body).unwrap();
        assert_eq!(admission.identity, None, "{method} {body}");
    }
    let rpc = JsonRpc::new();
    let admission = admitted(&rpc, "POST", "/rpc", CALL).unwrap();
    assert!(!admission.replayable && admission.identity.is_none());
}

#[test]
fn graph_and_odata_take_every_method_below_their_service_and_name_each_in_the_envelope() {
    let (graph, odata) = (RestJson::graph("/v1.0"), RestJson::odata("/v1.0"));
    assert_eq!((graph.max_items(), odata.max_items()), (20, 100));
    for (codec, url) in [(&graph, "/me"), (&odata, "me")] {
        for method in ["GET", "PATCH", "DELETE"] {
            let admission = admitted(codec, method, "/v1.0/me", "{}").unwrap();
            let request = Request::builder().method(method).uri("/v1.0/me");
            let (head, body) = request.body(Bytes::new()).unwrap().into_parts();
            let item = Item::new(1, head, body, admission, Credentials::default());
            let sent: Value =
                serde_json::from_slice(codec.encode(&[&item]).unwrap().body()).unwrap();
            let expected = json!({"requests": [{"id": "1", "method": method, "url": url}]});
            assert_eq!(sent, expected);
        }
        assert!(admitted(codec, "GET", "/v1.0/$batch", "").is_none());
        assert!(admitted(codec, "GET", "/v2.0/me", "").is_none());
    }
    // The service itself has no relative URL.
    assert!(admitted(&odata, "GET", "/v1.0/", "").is_none());
    assert!(admitted(&graph, "GET", "/v1.0/", "").is_some());
}

/// Returns the answer that an envelope has for one GET.
fn of_rest(answer: &Value) -> (HeaderMap, Bytes) {
    let codec = RestJson::new("/batch");
    let (head, body) = Request::get("/a").body(Bytes::new()).unwrap().into_parts();
    let item = Item::new(1, head, body, Admission::safe(), Credentials::default());
    let response = Response::new(Bytes::from(json!({"responses": [answer]}).to_string()));
    let Decoded::Answers(mut answers) = codec.decode(&[&item], &response) else {
        panic!("an envelope has answers");
    };
    let (head, body) = answers.remove(0).unwrap().into_parts();
    (head.headers, body)
}

#[test]
fn an_answer_in_an_envelope_without_a_type_is_json_and_one_without_a_body_has_no_type() {
    let (headers, body) = of_rest(&json!({"id": "1", "status": 200, "body": {"n": 1}}));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(body, "{\"n\":1}");
    let problem = json!({"Content-Type": "application/problem+json"});
    let (headers, _) =
        of_rest(&json!({"id": "1", "status": 200, "headers": problem, "body": {"n": 1}}));
    assert_eq!(headers["content-type"], "application/problem+json");
    let (headers, body) = of_rest(&json!({"id": "1", "status": 200, "body": null}));
    assert!(headers.is_empty() && body.is_empty(), "{headers:?}");
}

#[test]
fn text_in_an_envelope_is_no_base64_even_if_it_could_be_and_other_types_are() {
    let body = |kind: &str| {
        let headers = json!({"Content-Type": kind});
        of_rest(&json!({"id": "1", "status": 200, "headers": headers, "body": "abcd"})).1
    };
    assert_eq!(body("text/plain"), "abcd");
    assert_eq!(body("application/json"), "\"abcd\"");
    assert_eq!(body("image/png"), [0x69, 0xb7, 0x1d].as_slice());
    // It is in no content coding, whatever the field says.
    let headers = json!({"Content-Type": "image/png", "Content-Encoding": "gzip"});
    let answer = json!({"id": "1", "status": 200, "headers": headers, "body": "abcd"});
    let (headers, body) = of_rest(&answer);
    assert_eq!(body, [0x69, 0xb7, 0x1d].as_slice());
    assert!(!headers.contains_key("content-encoding"));
}

#[test]
fn the_debug_output_of_a_codec_of_calls_names_its_limit() {
    let text = format!("{:?}", JsonRpc::new().limit(7));
    assert!(text.contains("items: 7"), "{text}");
}
