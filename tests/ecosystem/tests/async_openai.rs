//! The layers under a client of async-openai, through an adapter of three lines.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::HttpRequestFactory,
    types::chat::{ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequestArgs},
};
use scrimp::{
    ServiceBuilderExt,
    core::{Currency, box_error},
    cost_route::{CostRouteLayer, Provider, Tariff},
    limit::LimitLayer,
    reqwest::{Transport, client_with},
};
use scrimp_ecosystem::{completion, counted};
use tower::{ServiceBuilder, service_fn};

#[tokio::test]
async fn a_chat_completion_goes_through_router_and_limit() {
    let (url, calls) = counted(completion()).await;
    let provider = Provider::new("budget")
        .endpoint(url.as_str())
        .price(Tariff::new(Currency::USD).per_request("0.001"));
    let limit = LimitLayer::per_minute(2)
        .max_wait(Duration::ZERO)
        .build()
        .unwrap();
    let stack = ServiceBuilder::new()
        .cost_route(CostRouteLayer::builder([provider]).build().unwrap())
        .limit(limit.clone())
        .map_err(box_error)
        .service(Transport::new(reqwest::Client::builder()).unwrap());

    let http = client_with(stack);
    let service = service_fn(move |factory: HttpRequestFactory| {
        let http = http.clone();
        async move {
            let response = http.execute(factory.build().await?).await;
            response.map_err(|error| OpenAIError::Boxed(box_error(error)))
        }
    });
    let config = OpenAIConfig::new().with_api_base(url).with_api_key("a key");
    let client = Client::with_config(config).with_http_service(service);

    let message = ChatCompletionRequestUserMessageArgs::default()
        .content("hi")
        .build()
        .unwrap();
    let request = CreateChatCompletionRequestArgs::default()
        .model("small")
        .messages([message.into()])
        .build()
        .unwrap();
    for _ in 0..2 {
        let answer = client.chat().create(request.clone()).await.unwrap();
        assert_eq!(answer.choices[0].message.content.as_deref(), Some("hello"));
    }
    assert_eq!((calls.load(Relaxed), limit.stats().requests), (2, 2));
}
