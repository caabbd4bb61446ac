//! Messages on the wire, protocol by protocol.

use crate::support;

use http::Response;
use http_body_util::Full;
use scrimp_batch::{ArrayInput, GraphQl, RestJson};
use serde_json::{Value, json};

use support::{
    Upstream,
    codec::{all, fixed},
    get, post,
};

#[tokio::test(start_paused = true)]
async fn a_graph_batch_has_the_documented_form_and_answers_come_in_any_order() {
    let upstream = fixed(
        200,
        &json!({"responses": [
            {"id": "3", "status": 429, "headers": {"Retry-After": "60"}, "body": {"error": {"code": "TooManyRequests"}}},
            {"id": "1", "status": 302, "headers": {"location": "https://b0mpua-by3301.files.example.com/y23vmagahszhxzlcvhasdhasghasodfi"}},
            {"id": "2", "status": 200, "headers": {"Content-Type": "image/jpeg"}, "body": "/9j/AA=="},
            {"id": "4", "status": 204, "body": null},
        ]}),
    );
    let update = {
        let mut patch = post("/v1.0/me", r#"{"city" : "Redmond"}"#);
        *patch.method_mut() = http::Method::PATCH;
        patch
    };
    let gets = [
        "/v1.0/me/drive/root:/a:/content",
        "/v1.0/me/photo/$value",
        "/v1.0/users?$top=1",
    ]
    .map(get);
    let requests = gets.into_iter().chain([update]);
    let answers = all(RestJson::graph("/v1.0"), &upstream, requests).await;
    assert_eq!(upstream.paths(), ["/v1.0/$batch"]);
    let sent = &upstream.json(0)["requests"];
    assert_eq!(
        sent[2],
        json!({"id": "3", "method": "GET", "url": "/users?$top=1"})
    );
    assert_eq!(
        sent[3],
        json!({"id": "4", "method": "PATCH", "url": "/me", "headers": {"content-type": "application/json"}, "body": {"city": "Redmond"}})
    );
    let codes: Vec<_> = answers
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect();
    assert_eq!(codes, [302, 200, 429, 204]);
    assert_eq!(answers[2].headers()["retry-after"], "60");
    assert!(answers[1].body().len() >= 3, "unpacked from Base64");
    assert_eq!(answers[3].body(), "");
}

#[tokio::test(start_paused = true)]
async fn an_odata_batch_asks_to_continue_on_error_and_keeps_bodies_byte_for_byte() {
    let raw = r#"{"responses":[{"id":"2","status":404},{"id":"1","status":200,"body":{ "n":1.0e2,"ü":"\u00fc" }}]}"#;
    let upstream = Upstream::new(move |_| std::future::ready(Ok(Response::new(Full::from(raw)))));
    let requests = ["/service/Customers('ALFKI')", "/service/Products(7)"].map(get);
    let answers = all(RestJson::odata("/service"), &upstream, requests).await;
    let request = &upstream.requests()[0];
    assert_eq!(request.uri().path(), "/service/$batch");
    assert_eq!(request.headers()["prefer"], "continue-on-error");
    assert_eq!(upstream.json(0)["requests"][0]["url"], "Customers('ALFKI')");
    assert_eq!(answers[0].body(), r#"{ "n":1.0e2,"ü":"\u00fc" }"#);
    assert_eq!(
        (answers[1].status().as_u16(), answers[1].body().as_str()),
        (404, "")
    );
}

#[tokio::test(start_paused = true)]
async fn a_header_field_that_an_item_repeats_hides_no_other_field() {
    let raw = r#"{"responses":[
        {"id":"1","status":200,"headers":{"Set-Cookie":"a=1","Set-Cookie":"b=2","Cache-Control":"private"}},
        {"id":"2","status":200}
    ]}"#;
    let upstream = Upstream::new(move |_| std::future::ready(Ok(Response::new(Full::from(raw)))));
    let answers = all(RestJson::new("/batch"), &upstream, ["/1", "/2"].map(get)).await;
    let headers = answers[0].headers();
    assert_eq!(headers["cache-control"], "private");
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[tokio::test(start_paused = true)]
async fn the_simple_form_omits_the_method_get() {
    let upstream = fixed(
        200,
        &json!({"responses": [{"id": 1, "status": 200, "body": 5}, {"id": 2, "status": 200, "body": 6}]}),
    );
    let paths = ["/api/metrics/revenue", "/api/metrics/users"].map(get);
    let answers = all(RestJson::new("/api/batch").base("/api"), &upstream, paths).await;
    let sent = json!({"requests": [{"id": "1", "url": "/metrics/revenue"}, {"id": "2", "url": "/metrics/users"}]});
    assert_eq!(upstream.json(0), sent);
    assert_eq!(answers[1].body(), "6");
}

#[tokio::test(start_paused = true)]
async fn requests_that_fit_no_rest_batch_are_sent_alone() {
    let upstream = fixed(200, &json!("alone"));
    let mut ranged = get("/api/a");
    ranged
        .headers_mut()
        .insert("range", "bytes=0-1".parse().unwrap());
    let large = post("/api/b", vec![b' '; 70_000]);
    let requests = [
        ranged,
        large,
        post("/api/c", "{"),
        get("/api/batch"),
        get("/other"),
        get("/apiary"),
    ];
    let codec = RestJson::new("/api/batch").base("/api").any_method();
    all(codec, &upstream, requests).await;
    assert_eq!(upstream.calls(), 6);
    assert!(
        upstream
            .paths()
            .iter()
            .filter(|path| *path == "/api/batch")
            .count()
            == 1
    );
}

#[tokio::test(start_paused = true)]
async fn graphql_answers_are_matched_by_position_and_an_error_affects_its_own_query_only() {
    let upstream = fixed(
        400,
        &json!([{"data": {"a": 1}}, {"errors": [{"message": "no"}]}]),
    );
    let requests = ["{ a }", "{ nonsense }"]
        .map(|query| post("/graphql", json!({"query": query}).to_string()));
    let answers = all(GraphQl::new(), &upstream, requests).await;
    assert_eq!(
        (answers[0].status().as_u16(), answers[0].body().as_str()),
        (200, r#"{"data":{"a":1}}"#)
    );
    assert_eq!(answers[1].status().as_u16(), 400);
    assert_eq!(
        upstream.json(0),
        json!([{"query": "{ a }"}, {"query": "{ nonsense }"}])
    );
}

#[tokio::test(start_paused = true)]
async fn inputs_of_one_model_share_a_call_and_split_its_usage() {
    let data: Vec<_> = (0..4)
        .rev()
        .map(|n| json!({"object": "embedding", "embedding": [n], "index": n}))
        .collect();
    let usage = json!({"prompt_tokens": 11, "total_tokens": 11});
    let upstream = fixed(
        200,
        &json!({"object": "list", "data": data, "model": "m", "usage": usage}),
    );
    let call = |model: &str, input: Value| {
        post(
            "/v1/embeddings",
            json!({"input": input, "model": model}).to_string(),
        )
    };
    let requests = [
        call("m", json!("a")),
        call("m", json!(["b", "c"])),
        call("m", json!("d")),
    ];
    let answers = all(ArrayInput::new(), &upstream, requests).await;
    assert_eq!(
        upstream.json(0),
        json!({"model": "m", "input": ["a", "b", "c", "d"]})
    );
    let answers: Vec<Value> = answers
        .iter()
        .map(|answer| serde_json::from_str(answer.body()).unwrap())
        .collect();
    let vectors = |n: usize| {
        answers[n]["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| {
                (
                    v["index"].as_u64().unwrap(),
                    v["embedding"][0].as_u64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (vectors(0), vectors(1), vectors(2)),
        (vec![(0, 0)], vec![(0, 1), (1, 2)], vec![(0, 3)])
    );
    let tokens: u64 = answers
        .iter()
        .map(|answer| answer["usage"]["total_tokens"].as_u64().unwrap())
        .sum();
    assert_eq!(tokens, 11);
    assert!(answers.iter().all(|answer| answer["model"] == "m"));
}

#[tokio::test(start_paused = true)]
async fn inputs_of_other_models_options_or_kinds_do_not_share_a_call() {
    let upstream = fixed(500, &json!("whatever"));
    let calls = [
        json!({"model": "a", "input": "x"}),
        json!({"model": "b", "input": "x"}),
        json!({"model": "a", "input": "x", "dimensions": 8}),
        json!({"model": "a", "input": [1, 2, 3]}),
    ];
    all(
        ArrayInput::new(),
        &upstream,
        calls.map(|call| post("/v1/embeddings", call.to_string())),
    )
    .await;
    assert_eq!(upstream.calls(), 4);
}
