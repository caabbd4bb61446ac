//! The steps, and what each of them must show.

use std::{fmt, net::SocketAddr, time::Duration};

use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use scrimp::core::{BoxError, Money};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    node::{BUDGET, Node, PRICE, serve},
    shop::Shop,
};

/// Head of the table of steps.
pub(crate) const HEAD: &str = "\
gateway                         status  body       upstream calls       ms  Cache-Status";

/// Name of the site, which a load balancer in front of the gateways would pass on.
const HOST: &str = "shop.example";

/// Time in which the other gateway must know of a purge. 3 s are the bound of the log.
const BOUND: Duration = Duration::from_secs(5);

/// Result of a step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) what: &'static str,
    pub(crate) status: Option<StatusCode>,
    pub(crate) cache_status: String,
    pub(crate) body: String,
    pub(crate) calls: u64,
    pub(crate) took: Duration,
}

/// Outcome that a step must show.
struct Expected {
    body: &'static str,
    is_hit: bool,
    calls: u64,
}

/// The steps that are over, and what they are about.
struct Story<'a> {
    client: Client<HttpConnector, Body>,
    shop: Shop,
    tell: &'a mut (dyn FnMut(&Step) + Send),
}

/// Starts the fleet and goes through all steps, each of which is told. Fails at the first one that
/// does not show what it must.
pub(crate) async fn tell(redis: &str, mut tell: impl FnMut(&Step) + Send) -> Result<(), BoxError> {
    let (shop, mut servers) = (Shop::default(), JoinSet::new());
    let upstream = serve(&mut servers, shop.router()).await?;
    // Nothing that an earlier run has left in this Redis.
    let name = format!("scrimp-fleet-{:016x}", fastrand::u64(..));
    let a = Node::start(redis, &name, upstream).await?;
    let b = Node::start(redis, &name, upstream).await?;
    let mut story = Story {
        client: Client::builder(TokioExecutor::new()).build_http(),
        shop,
        tell: &mut tell,
    };
    let expect = |body, is_hit, calls| Expected {
        body,
        is_hit,
        calls,
    };
    story.ask("A", &a, expect("version 1", false, 1)).await?;
    story.ask("B", &b, expect("version 1", true, 1)).await?;
    story.shop.change();
    let told = "B, after the product changed";
    story.ask(told, &b, expect("version 1", true, 1)).await?;
    story.purge(&a, &b).await?;
    story.ask("B", &b, expect("version 2", false, 2)).await?;
    // A has the old one in its memory, and the new one below it.
    story.ask("A", &a, expect("version 2", true, 2)).await?;
    story.spend(&a, &b).await
}

// === impl Story ===

impl Story<'_> {
    /// Asks a gateway for the product.
    async fn ask(
        &mut self,
        what: &'static str,
        node: &Node,
        expected: Expected,
    ) -> Result<(), BoxError> {
        let step = self
            .send(what, Method::GET, node.address, "/products/42")
            .await?;
        (self.tell)(&step);
        // The next step may ask the other gateway, which sees what is in Redis by then.
        node.cache.settled().await;
        let is_hit = step.cache_status.contains("; hit");
        let is_right = step.status == Some(StatusCode::OK)
            && step.body == expected.body
            && is_hit == expected.is_hit
            && step.calls == expected.calls;
        if is_right {
            return Ok(());
        }
        let kind = if expected.is_hit { "a hit" } else { "a miss" };
        let Expected { body, calls, .. } = expected;
        Err(format!("expected {kind} with `{body}`, and {calls} upstream calls").into())
    }

    /// Purges the product on one gateway, and waits until the other one knows.
    async fn purge(&mut self, on: &Node, other: &Node) -> Result<(), BoxError> {
        // Nothing else is appended to this log.
        let next = on.log.stats().position + 1;
        let begun = Instant::now();
        let path = "/purge?tag=product:42";
        let mut step = self
            .send("A, purge of product:42", Method::POST, on.admin, path)
            .await?;
        let is_done = step.status == Some(StatusCode::OK);
        step.body.clear();
        (self.tell)(&step);
        if !is_done {
            return Err("the purge was refused".into());
        }
        let known = async {
            on.log.reached(next).await;
            other.log.reached(next).await;
        };
        let late = |_| format!("B does not know of the purge after {BOUND:?}");
        timeout(BOUND, known).await.map_err(late)?;
        (self.tell)(&Step {
            what: "B knows, since the purge",
            status: None,
            cache_status: String::new(),
            body: String::new(),
            calls: self.shop.calls(),
            took: begun.elapsed(),
        });
        Ok(())
    }

    /// Asks both gateways for quotes until the budget refuses them, and compares what the upstream was
    /// called for with the budget.
    async fn spend(&mut self, a: &Node, b: &Node) -> Result<(), BoxError> {
        let begun = Instant::now();
        let mut refused = [0; 2];
        // One of them may hold what the other one needs: it gives that back within the wait of a request.
        while refused.iter().any(|times| *times < 3) {
            let quote = |node: &Node| self.send("", Method::GET, node.address, "/quotes");
            let (one, other) = tokio::join!(quote(a), quote(b));
            for (times, step) in refused.iter_mut().zip([one?, other?]) {
                *times = match step.status {
                    Some(StatusCode::OK) => 0,
                    Some(StatusCode::PAYMENT_REQUIRED) => *times + 1,
                    other => return Err(format!("a quote was answered with {other:?}").into()),
                };
            }
        }
        let (calls, price) = (self.shop.calls(), PRICE.parse::<Money>()?);
        let spent = price * calls;
        (self.tell)(&Step {
            what: "A and B, quotes until refused",
            status: None,
            cache_status: format!("spent {spent} of {}", BUDGET.parse::<Money>()?),
            body: String::new(),
            calls,
            took: begun.elapsed(),
        });
        match spent == BUDGET.parse()? {
            true => Ok(()),
            false => Err("the fleet spent more or less than its budget".into()),
        }
    }

    async fn send(
        &self,
        what: &'static str,
        method: Method,
        to: SocketAddr,
        path: &str,
    ) -> Result<Step, BoxError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{to}{path}"))
            .header("host", HOST)
            .body(Body::empty())?;
        let sent = Instant::now();
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let took = sent.elapsed();
        let cache_status = head.headers.get("cache-status");
        let cache_status = cache_status.map_or(Ok(""), |value| value.to_str())?;
        Ok(Step {
            what,
            status: Some(head.status),
            cache_status: cache_status.to_owned(),
            body: String::from_utf8_lossy(&body).into_owned(),
            calls: self.shop.calls(),
            took,
        })
    }
}

// === impl Step ===

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or("", |status| match status {
            StatusCode::OK => "200",
            _ => "failed",
        });
        let line = format!(
            "{:<30}  {:>6}  {:<9}  {:>14}  {:>7.1}  {}",
            self.what,
            status,
            self.body,
            self.calls,
            self.took.as_secs_f64() * 1e3,
            self.cache_status
        );
        f.write_str(line.trim_end())
    }
}
