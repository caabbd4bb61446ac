//! An outbound client of a paid API: many parts of a program send the same request at once.
//!
//! A provider of exchange rates, here on a local socket, takes half a second and a cent per call.
//! Two hundred tasks request four rates from it at the same time, through reqwest.
//!
//! ```sh
//! cargo run --release --example quotes
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, extract::Path, routing::get};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp::{
    coalesce::CoalesceLayer,
    core::{BoxError, Ledger, Money},
};
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceExt, service_fn};

const TASKS: usize = 200;
const CURRENCIES: [&str; 4] = ["EUR", "GBP", "JPY", "CHF"];
const PRICE: &str = "0.01";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (url, calls) = provider(Duration::from_millis(500)).await?;
    let price: Money = PRICE.parse()?;

    ask_all(&client(), &url).await?;
    let without = calls.swap(0, Relaxed);

    let ledger = Ledger::new();
    let layer = CoalesceLayer::builder()
        .ledger(ledger.clone())
        .price(price)
        .build()?;
    ask_all(&layer.layer(client()), &url).await?;
    let with = calls.load(Relaxed);

    println!("{TASKS} tasks ask for {} rates at once", CURRENCIES.len());
    println!("\n                    calls      cost");
    for (name, calls) in [("without", without), ("with CoalesceLayer", with)] {
        let cost = (price * calls).to_string();
        println!("{name:<18}  {calls:>5} {cost:>9}");
    }
    for line in ledger.lines() {
        let (avoided, saved) = (line.calls_avoided, line.saved);
        println!("\nits ledger says that {avoided} calls and {saved} were saved");
    }
    Ok(())
}

/// Adapts reqwest's client to `http` types. The error is boxed, so that several callers can share
/// it.
fn client() -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<reqwest::Body>,
    Error = BoxError,
    Future = impl Send,
> + Clone
+ Send
+ 'static {
    let client = reqwest::Client::new();
    service_fn(move |request: Request<Full<Bytes>>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            let response = client.oneshot(request).await?;
            Ok(Response::<reqwest::Body>::from(response))
        }
    })
}

/// Starts all tasks at once, each for one rate.
async fn ask_all<S, B>(client: &S, url: &str) -> Result<(), BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError> + Clone,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let ask = |number: usize| {
        let currency = CURRENCIES[number % CURRENCIES.len()];
        let request = Request::get(format!("{url}/rates/{currency}"));
        let request = request.header("authorization", "Bearer secret");
        let client = client.clone();
        async move {
            let response = client.oneshot(request.body(Full::default())?).await?;
            let body = response.into_body().collect().await.map_err(Into::into)?;
            match body.to_bytes().starts_with(currency.as_bytes()) {
                true => Ok(()),
                false => Err(BoxError::from("another rate than was asked for")),
            }
        }
    };
    join_all((0..TASKS).map(ask)).await.into_iter().collect()
}

/// Starts the provider. Returns its URL, and counts its calls.
async fn provider(effort: Duration) -> Result<(String, Arc<AtomicU64>), BoxError> {
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let rate = move |Path(currency): Path<String>| {
        count.fetch_add(1, Relaxed);
        async move {
            tokio::time::sleep(effort).await;
            format!("{currency} 1.07")
        }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new().route("/rates/{currency}", get(rate));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((url, calls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_hundred_tasks_make_a_call_for_each_rate() {
        let (url, calls) = provider(Duration::from_millis(200))
            .await
            .expect("a socket");
        ask_all(&client(), &url).await.expect("rates");
        assert_eq!(calls.swap(0, Relaxed), TASKS as u64);
        let layer = CoalesceLayer::new();
        ask_all(&layer.layer(client()), &url).await.expect("rates");
        assert_eq!(calls.load(Relaxed), CURRENCIES.len() as u64);
    }
}
