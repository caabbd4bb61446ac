//! The layer over the servers.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp::{
    core::{
        Currency, Money,
        extensions::{Deadline, Priority},
    },
    cost_route::{
        CostRouteLayer, Hints, PromptCache, Provider, Rate, RequestBody, Tariff, TokenClass,
        TokenRates,
    },
};
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{
    account::Spec,
    servers::{Served, Servers},
    trace::{BLOCK, Demand},
};
use crate::run::SECOND;

pub(super) const PATH: &str = "/v1/messages";
/// Field that tells a server which request it gets.
pub(super) const NUMBER: HeaderName = HeaderName::from_static("x-request-number");

/// Client of the layer, with every type erased.
pub(super) type Client = BoxCloneSyncService<Request<Full<Bytes>>, StatusCode, Infallible>;

/// Returns the layer over the servers, with its defaults. It may be told how many calls an account works on at once.
pub(super) fn router(servers: &Servers, told: bool) -> CostRouteLayer {
    let specs = servers.world.specs.iter().enumerate();
    let providers = specs.map(|(index, spec)| {
        let provider = provider(index, spec);
        match told && spec.slots < usize::MAX {
            true => provider.concurrency(spec.slots),
            false => provider,
        }
    });
    CostRouteLayer::builder(providers)
        .repeatable([PATH])
        .build()
        .expect("settings in their ranges")
}

fn provider(index: usize, spec: &Spec) -> Provider {
    let [prompt, cached, answer] = spec
        .price
        .map(|dollars| Rate::per(format!("{dollars:.6}").as_str(), 1_000_000));
    let rates = TokenRates::text(prompt, answer).with(TokenClass::CacheRead, cached);
    let name = format!("account-{index}");
    let provider = Provider::new(name.as_str())
        .endpoint(format!("http://{name}"))
        .bearer(&name)
        .account(name.as_str())
        .latency(Duration::from_secs_f64(spec.latency()))
        .price(Tariff::new(Currency::USD).tokens(rates));
    match spec.caches {
        true => provider.prompt_cache(PromptCache::automatic()),
        false => provider,
    }
}

/// Returns a client of the layer.
pub(super) fn client(servers: &Arc<Servers>, hedges: bool) -> Client {
    over(servers, hedges, false)
}

/// Returns a client of the layer that is told how many calls each account works on at once. Requests stand in one
/// line in front of it, as a limit of calls in flight makes it.
pub(super) fn told(servers: &Arc<Servers>) -> Client {
    let slots = servers.world.specs.iter().map(|spec| spec.slots);
    let slots = slots.fold(0, usize::saturating_add);
    let places = Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)));
    let client = over(servers, false, true);
    Client::new(service_fn(move |request| {
        let (places, client) = (Arc::clone(&places), client.clone());
        async move {
            let _place = places.acquire().await.expect("it is never closed");
            client.oneshot(request).await
        }
    }))
}

fn over(servers: &Arc<Servers>, hedges: bool, told: bool) -> Client {
    let client = router(servers, told).layer(upstream(servers));
    Client::new(service_fn(move |mut request: Request<Full<Bytes>>| {
        if !hedges {
            request.extensions_mut().remove::<Hints>();
        }
        let answer = client.clone().oneshot(request);
        async move {
            let response = answer.await?;
            let status = response.status();
            let whole = response.into_body().collect().await;
            Ok(if whole.is_ok() {
                status
            } else {
                StatusCode::BAD_GATEWAY
            })
        }
    }))
}

/// Returns the client of all servers, which are known by their hosts.
pub(super) fn upstream(
    servers: &Arc<Servers>,
) -> impl Service<
    Request<RequestBody<Full<Bytes>>>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static {
    let servers = Arc::clone(servers);
    service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let servers = Arc::clone(&servers);
        async move { Ok(answer(&servers, &request).await) }
    })
}

async fn answer(
    servers: &Servers,
    request: &Request<RequestBody<Full<Bytes>>>,
) -> Response<Full<Bytes>> {
    let host = request
        .uri()
        .host()
        .and_then(|host| host.strip_prefix("account-"));
    let account: usize = host
        .and_then(|host| host.parse().ok())
        .expect("a known host");
    let demand = demand(servers, request.headers());
    let served = servers.call(account, demand).await;
    let mut response = Response::new(Full::default());
    if let Some([quota, left, reset]) = servers.quota(account) {
        for (name, value) in [
            ("x-ratelimit-limit-tokens", quota.to_string()),
            ("x-ratelimit-remaining-tokens", left.floor().to_string()),
            (
                "x-ratelimit-reset-tokens",
                format!("{}ms", (reset * 1e3).round()),
            ),
        ] {
            put(&mut response, name, &value);
        }
    }
    match served {
        Served::Answer { cached } => {
            let usage = serde_json::json!({"usage": {
                "prompt_tokens": demand.input, "completion_tokens": demand.output,
                "prompt_tokens_details": {"cached_tokens": cached},
            }});
            *response.body_mut() = Full::from(usage.to_string());
        }
        Served::Failed => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        Served::Throttled(wait) => {
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            put(&mut response, "retry-after", &wait.ceil().to_string());
        }
    }
    response
}

fn put(response: &mut Response<Full<Bytes>>, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("digits and letters");
    response.headers_mut().insert(name, value);
}

/// Returns the request that a server gets.
pub(super) fn demand<'a>(servers: &'a Servers, headers: &HeaderMap) -> &'a Demand {
    let number = headers.get(NUMBER).and_then(|value| value.to_str().ok());
    let number: usize = number
        .and_then(|number| number.parse().ok())
        .expect("a number");
    &servers.world.demands[number]
}

/// Sends a request. Returns true if it was answered.
pub(super) async fn send(client: Client, servers: Arc<Servers>, index: usize) -> bool {
    let request = request(&servers, index);
    let answered = client.oneshot(request).await;
    answered.is_ok_and(|status| status.is_success())
}

fn request(servers: &Servers, index: usize) -> Request<Full<Bytes>> {
    let demand = &servers.world.demands[index];
    let mut request = Request::post(PATH)
        .header(NUMBER, index)
        .body(Full::from(body(demand, index)))
        .expect("a request of fixed parts");
    let extensions = request.extensions_mut();
    extensions.insert([Priority::Low, Priority::Default, Priority::High][demand.priority]);
    let second = Money::from_pico((SECOND[demand.priority] * 1e12) as i128, Currency::USD);
    extensions.insert(Hints::new().hedge(second));
    if let Some(due) = demand.due {
        extensions.insert(Deadline(servers.instant(due)));
    }
    request
}

/// Writes a prompt of four bytes for each token. Equal blocks have equal texts.
fn body(demand: &Demand, index: usize) -> String {
    let mut text = String::with_capacity(demand.input as usize * 4 + 128);
    text.push_str(r#"{"model":"m","max_tokens":1024,"messages":[{"role":"user","content":""#);
    for (block, tokens) in demand.parts() {
        let word = format!("{block:015x} ");
        for _ in 0..(4 * tokens.min(BLOCK)).div_ceil(16) {
            text.push_str(&word);
        }
    }
    text.push_str(&format!(r#""}}],"metadata":{{"user_id":"{index}"}}}}"#));
    text
}
