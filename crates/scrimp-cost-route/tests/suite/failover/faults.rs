//! Answers that are the fault of a provider, of the caller, or of both not fitting together.

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_core::RetryBudget;
use scrimp_cost_route::{Budget, Cap, CostRouteLayerBuilder, Miss, Period, Provider, Repeats};

use super::{
    good, misses,
    rig::{Answer, Service, cents, open, over, provider, request, send, two},
    server::{Act, Server},
};

fn chat(model: &str) -> Request<Full<bytes::Bytes>> {
    let body = format!("{{\"model\":\"{model}\",\"messages\":[]}}");
    let mut request = request("POST", body);
    *request.uri_mut() = "/v1/chat/completions".parse().unwrap();
    request
}

fn json(status: u16, body: &str) -> Act {
    Act::Answer(
        status,
        "content-type: application/json\r\n",
        body.to_owned(),
    )
}

fn stream(body: &str) -> Act {
    Act::Answer(200, "content-type: text/event-stream\r\n", body.to_owned())
}

/// Starts a layer over two providers that have credentials of their own.
fn keyed(first: &Server, second: &Server) -> CostRouteLayerBuilder {
    builder([
        provider("first", first, 1).bearer("its own"),
        provider("second", second, 2).bearer("its own too"),
    ])
}

fn builder(providers: [Provider; 2]) -> CostRouteLayerBuilder {
    scrimp_cost_route::CostRouteLayer::builder(providers)
        .explore(false)
        .retry_budget(RetryBudget::new(1.0, 100).unwrap())
}

async fn ask(service: &Service, request: Request<Full<bytes::Bytes>>) -> Answer {
    send(service, request).await.expect("an answer")
}

#[tokio::test]
async fn a_provider_whose_own_key_is_refused_is_left() {
    for status in [401, 402, 403] {
        let (first, second) = (
            Server::start(move |_| Act::status(status)).await,
            good().await,
        );
        let service = over(&keyed(&first, &second).build().unwrap());
        for _ in 0..20 {
            let answer = ask(&service, chat("m")).await;
            assert_eq!((answer.status, answer.from()), (StatusCode::OK, "second"));
        }
        assert!(first.calls() <= 4, "{status}: {} calls", first.calls());
    }
}

#[tokio::test]
async fn a_refused_credential_of_the_caller_is_passed_on_and_counts_against_no_provider() {
    let refused = |_| Act::status(401);
    for (name, value) in [("authorization", "Bearer wrong"), ("x-api-key", "wrong")] {
        let (first, second) = (Server::start(refused).await, good().await);
        // The provider's own field is no credential, or the caller sends another one besides.
        let own = |server: &Server, name, price| {
            provider(name, server, price).header("user-agent", "scrimp")
        };
        let service = over(
            &builder([own(&first, "first", 1), own(&second, "second", 2)])
                .build()
                .unwrap(),
        );
        for _ in 0..50 {
            let mut request = chat("m");
            request.headers_mut().insert(name, value.parse().unwrap());
            let answer = ask(&service, request).await;
            assert_eq!(
                (answer.status, answer.from()),
                (StatusCode::UNAUTHORIZED, "first")
            );
        }
        assert_eq!((first.calls(), second.calls()), (50, 0));
    }
}

#[tokio::test]
async fn a_callers_key_beside_the_providers_own_ejects_no_provider() {
    let (first, second) = (Server::start(|_| Act::status(403)).await, good().await);
    let service = over(&keyed(&first, &second).build().unwrap());
    for (name, uri) in [("x-api-key", "/v1/x"), ("x-other", "/v1/x?key=wrong")] {
        for _ in 0..20 {
            let mut request = chat("m");
            *request.uri_mut() = uri.parse().unwrap();
            request.headers_mut().insert(name, "wrong".parse().unwrap());
            assert_eq!(ask(&service, request).await.status, StatusCode::FORBIDDEN);
        }
    }
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn a_model_that_a_provider_does_not_have_is_asked_of_another_from_then_on() {
    let missing = r#"{"error":{"code":"model_not_found","message":"The model does not exist."}}"#;
    let (first, second) = (
        Server::start(|n| {
            if n == 0 {
                json(404, missing)
            } else {
                Act::ok("fine")
            }
        })
        .await,
        good().await,
    );
    let service = over(&keyed(&first, &second).build().unwrap());
    let answer = ask(&service, chat("theirs")).await;
    assert_eq!(
        (answer.from(), misses(&answer)),
        ("second", vec![Miss::Model])
    );
    for _ in 0..5 {
        assert_eq!(ask(&service, chat("theirs")).await.from(), "second");
        assert_eq!(
            ask(&service, chat("ours")).await.from(),
            "first",
            "another model"
        );
    }
    assert_eq!(first.calls(), 6);
}

#[tokio::test]
async fn a_model_that_no_provider_has_gets_the_answer_that_says_so() {
    let missing = |_| json(404, r#"{"error":{"code":"model_not_found"}}"#);
    let (first, second) = (Server::start(missing).await, Server::start(missing).await);
    let service = over(&keyed(&first, &second).build().unwrap());
    for _ in 0..3 {
        let answer = ask(&service, chat("invented")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.text().contains("model_not_found"));
    }
}

#[tokio::test]
async fn a_404_about_something_else_is_passed_on_as_it_is() {
    let other = |_| {
        json(
            404,
            r#"{"error":{"message":"Previous response with id 'r' not found."}}"#,
        )
    };
    let (first, second) = (Server::start(other).await, good().await);
    let service = over(&keyed(&first, &second).build().unwrap());
    for _ in 0..3 {
        assert_eq!(ask(&service, chat("m")).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!((first.calls(), second.calls()), (3, 0));
}

#[tokio::test]
async fn what_is_too_large_goes_to_a_provider_with_a_larger_limit() {
    let too_long =
        r#"{"error":{"code":"context_length_exceeded","message":"maximum context length"}}"#;
    for act in [Act::status(413), json(400, too_long)] {
        let first = Server::start(move |_| act.clone()).await;
        let second = good().await;
        let larger = builder([
            provider("first", &first, 1)
                .context_window(8_000)
                .max_request(1_000),
            provider("second", &second, 2)
                .context_window(200_000)
                .max_request(1_000_000),
        ]);
        let answer = ask(&over(&larger.build().unwrap()), chat("m")).await;
        assert_eq!(
            (answer.from(), misses(&answer)),
            ("second", vec![Miss::TooLarge])
        );
        for limits in [None, Some(8_000)] {
            let other = provider("second", &second, 2);
            let other = limits.map_or(other.clone(), |limit| other.context_window(limit));
            let same = builder([provider("first", &first, 1).context_window(8_000), other]);
            let calls = second.calls();
            let answer = ask(&over(&same.build().unwrap()), chat("m")).await;
            assert_eq!(
                (answer.from(), second.calls()),
                ("first", calls),
                "{limits:?}"
            );
            assert!(answer.status.is_client_error());
        }
    }
}

#[tokio::test]
async fn a_stream_that_begins_with_an_error_or_is_empty_is_made_good() {
    for body in [
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
        ": alive\n\ndata: {\"error\":{\"code\":502}}\n\ndata: [DONE]\n\n",
        "data: [DONE]\n\n",
        "",
    ] {
        let first = Server::start(move |_| stream(body)).await;
        let second = Server::start(|_| stream("data: {\"choices\":[]}\n\n")).await;
        let layer = two(&first, &second).repeatable(["/v1/chat/completions"]);
        let service = over(&layer.build().unwrap());
        let answer = ask(&service, chat("m")).await;
        assert_eq!(
            (answer.from(), misses(&answer)),
            ("second", vec![Miss::Stream]),
            "{body:?}"
        );
        assert_eq!(answer.text(), "data: {\"choices\":[]}\n\n");
    }
}

#[tokio::test]
async fn an_empty_answer_of_a_model_is_made_good_and_any_other_is_an_answer() {
    let (first, second) = (Server::start(|_| Act::ok("")).await, good().await);
    let layer = two(&first, &second).repeatable(["/v1/chat/completions"]);
    let service = over(&layer.build().unwrap());
    assert_eq!(ask(&service, chat("m")).await.from(), "second");
    assert_eq!(ask(&service, request("GET", "")).await.from(), "first");
}

#[tokio::test]
async fn a_stream_is_handed_on_with_its_first_event_and_an_error_after_it_is_the_callers() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\
                 : alive\n\ndata: {\"choices\":[]}\n\ndata: {\"error\":\"late\"}\n\n";
    let (first, second) = (
        Server::start(move |_| Act::StallAfter(begun.to_owned())).await,
        good().await,
    );
    let layer = two(&first, &second)
        .repeatable(|request: &http::request::Parts| request.uri.path().ends_with("/completions"));
    let response = open(&over(&layer.build().unwrap()), chat("m"))
        .await
        .unwrap();
    let frame = response.into_body().frame().await.unwrap().unwrap();
    assert!(
        frame
            .into_data()
            .unwrap()
            .starts_with(b": alive\n\ndata: {")
    );
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn a_post_is_repeated_where_the_settings_say_that_it_may_be() {
    let paths = Repeats::from(["/v1/chat/*"]);
    let (first, second) = (Server::start(|_| Act::status(500)).await, good().await);
    let service = over(&two(&first, &second).repeatable(paths).build().unwrap());
    assert_eq!(ask(&service, chat("m")).await.from(), "second");
    let pay = ask(&service, request("POST", "pay")).await;
    assert_eq!(pay.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn errors_are_not_paid_and_keep_nothing_reserved() {
    for status in [400, 401, 404, 413, 429, 500] {
        let first = Server::start(move |_| Act::status(status)).await;
        let second = Server::start(move |_| Act::status(status)).await;
        let budget = Budget::new([Cap::new("day", cents(100), Period::Day)]);
        let layer = two(&first, &second).budget(budget.clone()).build().unwrap();
        let answer = ask(&over(&layer), chat("m")).await;
        assert_eq!(answer.status.as_u16(), status);
        let report = &budget.report()[0];
        assert_eq!(
            (report.spent, report.rest),
            (cents(0), cents(100)),
            "{status}"
        );
        assert!(layer.stats().spent.is_zero(), "{status}");
    }
}

#[tokio::test]
async fn a_failure_that_reports_its_usage_is_paid() {
    let used = r#"{"error":{},"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let (first, second) = (Server::start(|_| json(500, used)).await, good().await);
    let budget = Budget::new([Cap::new("day", cents(100), Period::Day)]);
    let layer = two(&first, &second)
        .attempts(1)
        .budget(budget.clone())
        .build()
        .unwrap();
    ask(&over(&layer), chat("m")).await;
    assert_eq!(budget.report()[0].spent, cents(1));
}
