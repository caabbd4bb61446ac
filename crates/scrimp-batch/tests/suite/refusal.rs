//! Batches that the upstream refuses or fails as a whole.

use crate::support;

use futures_util::future::{join, join_all};
use http::{Request, Response};
use http_body_util::Full;
use scrimp_batch::{BatchLayer, GraphQl};
use serde_json::{Value, json};
use tower::Layer;

use support::{Upstream, all, get, layer, post, reason, send, status};

/// Returns an upstream that accepts up to `most` items, and refuses batches with `/poison`.
fn choosy(most: usize) -> Upstream {
    Upstream::new(move |request: Request<bytes::Bytes>| async move {
        if request.uri().path() != "/batch" {
            let code = if request.uri().path() == "/poison" {
                400
            } else {
                200
            };
            let answer = status(code, json!(request.uri().path()));
            return Ok(answer.map(|body| Full::from(body.to_string())));
        }
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let items = asked["requests"].as_array().unwrap();
        let code = match items.len() {
            len if len > most => 413,
            _ if items.iter().any(|item| item["url"] == "/poison") => 400,
            _ => 200,
        };
        let answers: Vec<_> = items
            .iter()
            .map(|item| json!({"id": item["id"], "status": 200, "body": item["url"]}))
            .collect();
        let body = if code == 200 {
            json!({"responses": answers})
        } else {
            json!("no")
        };
        Ok(status(code, body).map(|body| Full::from(body.to_string())))
    })
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_is_halved_and_the_size_is_remembered() {
    let (upstream, layer) = (choosy(4), layer().build().unwrap());
    let service = layer.layer(upstream.clone());
    let round = || join_all((0..16).map(|n| send(service.clone(), get(&format!("/{n}")))));
    for (n, answer) in round().await.into_iter().enumerate() {
        assert_eq!(answer.unwrap().body(), &format!("\"/{n}\""));
    }
    assert_eq!(upstream.calls(), 1 + 2 + 4);
    round().await;
    assert_eq!(upstream.calls(), 7 + 4, "no more refusals");
}

#[tokio::test(start_paused = true)]
async fn a_refused_item_is_found_and_affects_no_other_request_now_or_later() {
    let (upstream, layer) = (choosy(100), layer().build().unwrap());
    let service = layer.layer(upstream.clone());
    let paths = (0..32).map(|n| {
        if n == 11 {
            "/poison".into()
        } else {
            format!("/{n}")
        }
    });
    let paths: Vec<String> = paths.collect();
    let answers = join_all(paths.iter().map(|path| send(service.clone(), get(path)))).await;
    for (path, answer) in paths.iter().zip(answers) {
        let answer = answer.unwrap();
        assert_eq!(answer.body(), &format!("{path:?}"));
        assert_eq!(answer.status() == 400, path == "/poison");
    }
    let calls = upstream.calls();
    assert!(calls <= 1 + 2 * 5, "{calls} calls: log₂ 32 halvings");
    join_all((0..32).map(|n| send(service.clone(), get(&format!("/{n}"))))).await;
    assert_eq!(upstream.calls(), calls + 1, "the number was not at fault");
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_fails_its_callers_with_the_cause_and_no_later_caller() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        match request.uri().path() {
            "/batch" => Err("connection reset".into()),
            _ => Ok(Response::new(Full::from("fine"))),
        }
    });
    let service = layer().build().unwrap().layer(upstream);
    let (one, two) = join(
        send(service.clone(), get("/1")),
        send(service.clone(), get("/2")),
    )
    .await;
    for failed in [one, two] {
        let error = failed.unwrap_err();
        assert_eq!(error.to_string(), "connection reset");
    }
    assert_eq!(send(service, get("/3")).await.unwrap().body(), "fine");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_whole_is_given_to_all_callers_and_an_unknown_answer_to_none() {
    let whole = Upstream::rest(|_, _| status(200, json!(null)));
    let down = |code| {
        Upstream::new(move |_| async move {
            Ok(status(code, json!("the whole")).map(|body| Full::from(body.to_string())))
        })
    };
    assert_eq!(whole.calls(), 0);
    let answers = all(&layer().build().unwrap(), &down(503), ["/1", "/2"].map(get)).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status() == 503 && answer.body() == "\"the whole\"")
    );
    let layer = layer().retries(0).build().unwrap();
    let answers = all(&layer, &down(200), ["/1", "/2"].map(get)).await;
    assert!(answers.iter().all(|answer| reason(answer) == "missing"));
}

/// Returns an upstream whose batch endpoint answers with this status, and whose items exist.
fn without_endpoint(code: u16) -> Upstream {
    Upstream::new(move |request: Request<bytes::Bytes>| {
        let path = request.uri().path().to_owned();
        let mut response = match path.as_str() {
            "/batch" => status(code, json!("it is about the endpoint")),
            "/gone" => status(404, json!("not found")),
            _ => status(200, json!(path)),
        };
        let headers = response.headers_mut();
        headers.insert("cache-control", "max-age=60".parse().unwrap());
        headers.insert("cdn-cache-control", "max-age=60".parse().unwrap());
        std::future::ready(Ok(response.map(|body| Full::from(body.to_string()))))
    })
}

#[tokio::test(start_paused = true)]
async fn items_go_one_by_one_where_there_is_no_batch_endpoint_and_the_next_ones_at_once() {
    for code in [301, 307, 308, 401, 403, 404, 405, 410, 415, 501] {
        let (upstream, layer) = (without_endpoint(code), layer().build().unwrap());
        let service = layer.layer(upstream.clone());
        let paths = ["/1", "/2", "/1", "/gone"];
        for round in 1..=2 {
            // A POST was not carried out either.
            let posted = [post("/4", "{}"), post("/5", "{}")];
            let requests = paths.map(get).into_iter().chain(posted);
            let calls = requests.map(|request| send(service.clone(), request));
            let answers = join_all(calls).await.into_iter().map(Result::unwrap);
            let answers: Vec<_> = answers
                .map(|answer| (answer.status().as_u16(), answer.into_body()))
                .collect();
            let own = |path: &str| (200, format!("\"{path}\""));
            let gone = (404, "\"not found\"".to_owned());
            assert_eq!(
                answers,
                [own("/1"), own("/2"), own("/1"), gone, own("/4"), own("/5")],
                "{code}"
            );
            assert_eq!(
                upstream.calls(),
                1 + round * 5,
                "{code}: the endpoint is asked once"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_batch_is_kept_by_no_cache_for_an_item() {
    for code in [302, 402, 429, 500, 503] {
        let (upstream, layer) = (without_endpoint(code), layer().build().unwrap());
        for answer in all(&layer, &upstream, ["/1", "/2"].map(get)).await {
            assert_eq!(answer.status().as_u16(), code);
            assert_eq!(answer.headers()["cache-control"], "no-store");
            assert!(!answer.headers().contains_key("cdn-cache-control"));
        }
        assert_eq!(upstream.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_in_the_message_of_a_refusal_is_kept() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| {
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let items = asked["requests"].as_array().unwrap();
        let message = "Number of batch request steps exceeds the maximum value of 7.";
        let answer = |item: &Value| json!({"id": item["id"], "status": 200, "body": item["url"]});
        let response = match items.len() {
            0..=7 => status(
                200,
                json!({"responses": items.iter().map(answer).collect::<Value>()}),
            ),
            _ => status(
                400,
                json!({"error": {"code": "BadRequest", "message": message}}),
            ),
        };
        std::future::ready(Ok(response.map(|body| Full::from(body.to_string()))))
    });
    let layer = layer().build().unwrap();
    let service = layer.layer(upstream.clone());
    for round in 1..=2 {
        let calls = (0..21).map(|n| send(service.clone(), get(&format!("/{n}"))));
        for (n, answer) in join_all(calls).await.into_iter().enumerate() {
            assert_eq!(answer.unwrap().body(), &format!("\"/{n}\""));
        }
        assert_eq!(upstream.calls(), 1 + round * 3);
    }
}

#[tokio::test(start_paused = true)]
async fn queries_go_one_by_one_where_arrays_are_not_taken() {
    for code in [200, 400] {
        let upstream = Upstream::new(move |request: Request<bytes::Bytes>| {
            let asked: Value = serde_json::from_slice(request.body()).unwrap();
            let message = "Operation batching is not supported";
            let (code, answer) = match asked.is_array() {
                true => (code, json!({"errors": [{"message": message}]})),
                false => (200, json!({"data": asked["query"]})),
            };
            let mut response = Response::new(Full::from(answer.to_string()));
            *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
            std::future::ready(Ok(response))
        });
        let queries = ["{ a }", "{ b }", "{ c }"];
        let requests = queries.map(|query| post("/graphql", json!({"query": query}).to_string()));
        let layer = BatchLayer::builder(GraphQl::new()).build().unwrap();
        let answers = all(&layer, &upstream, requests).await;
        for (query, answer) in queries.iter().zip(answers) {
            assert_eq!(answer.body(), &json!({"data": query}).to_string());
        }
        assert_eq!(upstream.calls(), 1 + 3);
    }
}
