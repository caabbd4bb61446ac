//! Tenants that share batches: each pays for its own requests, and one at its cap harms no other.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{LocalBoxFuture, join_all};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp::{
    batch::{ArrayInput, BatchCodec, BatchLayer, BatchStats, BatchWindow, RestJson},
    core::{
        BoxError, Currency, Ledger, Money,
        extensions::{Charge, Tenant, TenantShares},
    },
    cost_route::{
        Budget, Cap, CostRouteLayer, Period, Provider, RequestBody, Scope, Tariff, Usage,
    },
};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

type Body = Full<Bytes>;
type Upstream = dyn Fn(&str, &Value) -> Response<String> + Send + Sync;

/// A batch layer over a router with a budget, over a scripted upstream.
struct Stack {
    send: Box<dyn Fn(Request<Body>) -> LocalBoxFuture<'static, Answer>>,
    stats: Box<dyn Fn() -> BatchStats>,
    budget: Budget,
    ledger: Ledger,
    /// Provider, tenants and their number of requests, of each call.
    calls: Arc<Mutex<Vec<(String, usize)>>>,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Value,
    charge: Option<Money>,
}

fn usd(text: &str) -> Money {
    text.parse().unwrap()
}

fn provider(name: &str, price: &str) -> Provider {
    Provider::new(name)
        .endpoint(format!("http://{name}"))
        .price(Tariff::new(Currency::USD).per_request(usd(price)))
}

/// Returns a cap of so much for each tenant.
fn each(limit: &str) -> Cap {
    Cap::new("each", usd(limit), Period::Day).tenants(Scope::Each)
}

/// Answers every item of a REST batch with its URL, and a single request with its path.
fn echo(_: &str, asked: &Value) -> Response<String> {
    let Some(items) = asked["requests"].as_array() else {
        return Response::new("1".into());
    };
    let answers: Vec<_> = items
        .iter()
        .map(|item| json!({"id": item["id"], "status": 200, "body": item["url"]}))
        .collect();
    Response::new(json!({ "responses": answers }).to_string())
}

/// Answers with the inputs of an array.
fn embed(_: &str, asked: &Value) -> Response<String> {
    let inputs = asked["input"].as_array().unwrap().iter().enumerate();
    let data: Vec<_> = inputs
        .map(|(index, input)| json!({"index": index, "embedding": input}))
        .collect();
    Response::new(json!({ "data": data }).to_string())
}

fn failed() -> Response<String> {
    let mut response = Response::new("no".to_owned());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

impl Stack {
    fn new(
        caps: impl IntoIterator<Item = Cap>,
        providers: impl IntoIterator<Item = Provider>,
        upstream: impl Fn(&str, &Value) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        Self::with(RestJson::new("/batch"), caps, providers, upstream)
    }

    fn with(
        codec: impl BatchCodec,
        caps: impl IntoIterator<Item = Cap>,
        providers: impl IntoIterator<Item = Provider>,
        upstream: impl Fn(&str, &Value) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        let (budget, ledger) = (Budget::new(caps), Ledger::new());
        let route = CostRouteLayer::builder(providers)
            .explore(false)
            .budget(budget.clone())
            .strict(Usage::default())
            .ledger(ledger.clone())
            .build()
            .unwrap();
        let batch = BatchLayer::builder(codec)
            .share_tenants()
            .window(BatchWindow::fixed(Duration::from_millis(10)))
            .ledger(ledger.clone())
            .price("0.01")
            .retries(0)
            .build()
            .unwrap();
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let (seen, upstream) = (
            Arc::clone(&calls),
            Arc::<Upstream>::from(Box::new(upstream) as Box<Upstream>),
        );
        let client = service_fn(move |request: Request<RequestBody<Body>>| {
            let (seen, upstream) = (Arc::clone(&seen), Arc::clone(&upstream));
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let host = parts.uri.host().unwrap_or_default().to_owned();
                let shares = parts.extensions.get::<TenantShares>();
                assert!(shares.is_none() || parts.extensions.get::<Tenant>().is_none());
                let tenants = shares.map_or(1, |shares| shares.tenants().len());
                seen.lock().push((host.clone(), tenants));
                tokio::time::sleep(Duration::from_millis(100)).await;
                let asked = serde_json::from_slice(&body).unwrap_or_default();
                Ok::<_, BoxError>(upstream(&host, &asked).map(Body::from))
            }
        });
        let service = batch.layer(route.layer(client));
        let send = move |request| -> LocalBoxFuture<'static, Answer> {
            let call = service.clone().oneshot(request);
            Box::pin(async move {
                let (parts, body) = call.await.unwrap().into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                Answer {
                    status: parts.status,
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                    charge: parts.extensions.get().map(|Charge(amount)| *amount),
                }
            })
        };
        Self {
            send: Box::new(send),
            stats: Box::new(move || batch.stats()),
            budget,
            ledger,
            calls,
        }
    }

    async fn all(&self, requests: impl IntoIterator<Item = Request<Body>>) -> Vec<Answer> {
        join_all(requests.into_iter().map(|request| (self.send)(request))).await
    }

    fn calls(&self) -> Vec<(String, usize)> {
        self.calls.lock().clone()
    }

    /// Spends a part of a tenant's cap beforehand.
    fn spend(&self, tenant: &str, amount: &str) {
        let amount = usd(amount);
        let reserved = self.budget.reserve(amount, tenant, "", "").unwrap();
        reserved.settle(amount).unwrap();
    }

    /// Returns what each tenant spent, as the ledger says; the budget must say the same.
    fn spent(&self, before: &[(&str, &str)]) -> BTreeMap<String, Money> {
        let before: BTreeMap<_, _> = before
            .iter()
            .map(|(name, text)| (*name, usd(text)))
            .collect();
        let lines = self.ledger.lines().into_iter();
        let spent: BTreeMap<_, _> = lines
            .filter(|line| line.layer == "cost-route")
            .map(|line| (line.tenant.to_string(), line.spent))
            .collect();
        for line in self.budget.snapshot() {
            let Some((_, name)) = line.account.split('/').next().unwrap().split_once(':') else {
                continue;
            };
            let booked = spent.get(name).copied().unwrap_or_default();
            let before = before.get(name).copied().unwrap_or_default();
            assert_eq!(line.spent, booked.checked_add(before).unwrap(), "{name}");
        }
        spent
    }

    /// Asserts that nothing is reserved: each tenant can reserve the rest of its cap at once.
    fn assert_nothing_is_reserved(
        &self,
        tenants: &[String],
        limit: &str,
        spent: &BTreeMap<String, Money>,
    ) {
        for tenant in tenants {
            let spent = spent.get(tenant).copied().unwrap_or_default();
            let rest = usd(limit).checked_sub(spent).unwrap();
            let reserved = self.budget.reserve(rest, tenant, "", "");
            assert!(reserved.is_ok(), "{tenant}: {reserved:?}");
        }
    }
}

fn sum(amounts: impl IntoIterator<Item = Money>) -> Money {
    let add = |sum: Money, amount| sum.checked_add(amount).unwrap();
    amounts.into_iter().fold(Money::ZERO, add)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t{n}")).collect()
}

fn get(tenant: &str, path: &str) -> Request<Body> {
    Request::get(format!("http://api.example.com{path}"))
        .extension(Tenant::from(tenant))
        .body(Body::default())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_tenant_at_its_cap_is_refused_alone_among_ninety_nine_others() {
    let stack = Stack::new([each("0.05")], [provider("a", "1")], echo);
    stack.spend("t0", "0.05");
    let tenants = names(100);
    let requests = tenants.iter().map(|name| get(name, &format!("/of/{name}")));
    let answers = stack.all(requests).await;

    assert_eq!(answers[0].status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answers[0].body["type"], "urn:scrimp:cost-route:budget");
    assert_eq!(
        (&answers[0].body["cap"], answers[0].charge),
        (&json!("each"), None)
    );
    for (answer, name) in answers.iter().zip(&tenants).skip(1) {
        assert_eq!(
            (answer.status, &answer.body),
            (StatusCode::OK, &json!(format!("/of/{name}")))
        );
    }
    assert_eq!(stack.calls(), [("a".to_owned(), 99)]);

    // A dollar over 99 tenants: 1/99, and the first has the unit that is left over.
    let spent = stack.spent(&[("t0", "0.05")]);
    assert_eq!(spent.get("t0"), None);
    assert_eq!(spent["t1"], usd("0.010101010102"));
    assert!(
        tenants[2..]
            .iter()
            .all(|name| spent[name] == usd("0.010101010101"))
    );
    assert_eq!(sum(spent.values().copied()), usd("1"));
    for (answer, name) in answers.iter().zip(&tenants).skip(1) {
        assert_eq!(
            answer.charge,
            Some(spent[name]),
            "a caller is told what its tenant pays"
        );
    }
    let stats = (stack.stats)();
    assert_eq!((stats.batches, stats.items, stats.left_out), (1, 99, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_tenants_pay_by_the_weight_of_their_items() {
    let codec = ArrayInput::new().limit(10_000);
    let stack = Stack::with(codec, [each("1")], [provider("a", "1")], embed);
    let tenants = names(100);
    let requests = tenants.iter().enumerate().map(|(n, name)| {
        let input: Vec<_> = (0..=n).map(|k| format!("{name} {k}")).collect();
        Request::post("http://api.example.com/embeddings")
            .header("content-type", "application/json")
            .extension(Tenant::from(name.as_str()))
            .body(Body::from(
                json!({"model": "m", "input": input}).to_string(),
            ))
            .unwrap()
    });
    let answers = stack.all(requests).await;
    assert!(
        answers.iter().all(|answer| answer.status == StatusCode::OK),
        "{answers:?}"
    );
    assert_eq!(stack.calls(), [("a".to_owned(), 100)]);
    let spent = stack.spent(&[]);
    assert_eq!(sum(spent.values().copied()), usd("1"));
    for (n, name) in tenants.iter().enumerate() {
        // The tenant has n + 1 of 5,050 inputs.
        let down = 1_000_000_000_000 * (n as i128 + 1) / 5_050;
        let own = spent[name].pico();
        assert!(own == down || own == down + 1, "{name}: {own}, not {down}");
        assert_eq!(answers[n].charge, Some(spent[name]));
    }
    assert_eq!(spent["t99"], usd("0.019801980198"));
}

#[tokio::test(start_paused = true)]
async fn tenants_that_cannot_pay_for_what_the_others_leave_are_refused_in_the_same_round() {
    // A third of a dollar each; as soon as t0 is out, half a dollar is too much for t1.
    let stack = Stack::new([each("1")], [provider("a", "1")], echo);
    stack.spend("t0", "1");
    stack.spend("t1", "0.6");
    let answers = stack
        .all(
            names(3)
                .iter()
                .map(|name| get(name, &format!("/of/{name}"))),
        )
        .await;
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect::<Vec<_>>(),
        [402, 402, 200]
    );
    assert_eq!(stack.calls(), [("a".to_owned(), 1)]);
    let spent = stack.spent(&[("t0", "1"), ("t1", "0.6")]);
    assert_eq!(
        spent.into_iter().collect::<Vec<_>>(),
        [("t2".to_owned(), usd("1"))]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_for_two_tenants_is_given_to_the_one_that_may_pay() {
    let stack = Stack::new([each("2")], [provider("a", "1")], echo);
    let requests = || [get("t0", "/same"), get("t1", "/same"), get("t1", "/other")];
    let answers = stack.all(requests()).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    let spent = stack.spent(&[]);
    assert_eq!((spent["t0"], spent["t1"]), (usd("0.25"), usd("0.75")));

    let stack = Stack::new([each("2")], [provider("a", "1")], echo);
    stack.spend("t0", "2");
    let answers = stack.all(requests()).await;
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect::<Vec<_>>(),
        [402, 200, 200]
    );
    assert_eq!(answers[1].body, "/same");
    let spent = stack.spent(&[("t0", "2")]);
    assert_eq!(
        spent.into_iter().collect::<Vec<_>>(),
        [("t1".to_owned(), usd("1"))]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cap_of_all_tenants_together_counts_the_whole_batch_once() {
    let all = || Cap::new("all", usd("1.5"), Period::Day);
    let stack = Stack::new([all(), each("1")], [provider("a", "1")], echo);
    let requests = |round: usize| {
        names(10)
            .into_iter()
            .map(move |name| get(&name, &format!("/{round}/{name}")))
    };
    for (round, status) in [StatusCode::OK, StatusCode::PAYMENT_REQUIRED]
        .into_iter()
        .enumerate()
    {
        let answers = stack.all(requests(round)).await;
        assert!(
            answers.iter().all(|answer| answer.status == status),
            "{answers:?}"
        );
    }
    assert_eq!(stack.calls(), [("a".to_owned(), 10)]);
    let spent = stack.spent(&[]);
    assert!(spent.values().all(|spent| *spent == usd("0.1")));
    let common = stack
        .budget
        .snapshot()
        .into_iter()
        .find(|line| line.cap == "all");
    assert_eq!(common.unwrap().spent, usd("1"));
    // Half a dollar is left, and not reserved.
    assert!(stack.budget.reserve(usd("0.5"), "t0", "", "").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_costs_no_tenant_anything() {
    let stack = Stack::new([each("1")], [provider("a", "1")], |_, _| failed());
    let tenants = names(10);
    let answers = stack
        .all(tenants.iter().map(|name| get(name, &format!("/{name}"))))
        .await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == StatusCode::BAD_GATEWAY)
    );
    let spent = stack.spent(&[]);
    assert_eq!(spent, BTreeMap::new());
    stack.assert_nothing_is_reserved(&tenants, "1", &spent);
}

#[tokio::test(start_paused = true)]
async fn after_a_failover_each_tenant_pays_its_share_of_the_second_provider_only() {
    let providers = [provider("a", "1"), provider("b", "3")];
    let stack = Stack::new([each("1")], providers, |host, asked| match host {
        "a" => failed(),
        _ => echo(host, asked),
    });
    let tenants = names(4);
    let answers = stack
        .all(tenants.iter().map(|name| get(name, &format!("/{name}"))))
        .await;
    assert!(
        answers.iter().all(|answer| answer.status == StatusCode::OK),
        "{answers:?}"
    );
    assert_eq!(stack.calls(), [("a".to_owned(), 4), ("b".to_owned(), 4)]);
    let spent = stack.spent(&[]);
    assert!(
        tenants.iter().all(|name| spent[name] == usd("0.75")),
        "{spent:?}"
    );
    stack.assert_nothing_is_reserved(&tenants, "1", &spent);
}

#[tokio::test(start_paused = true)]
async fn callers_who_leave_before_the_call_pay_nothing_and_later_ones_their_share() {
    let stack = Stack::new([each("1")], [provider("a", "1")], echo);
    let ask = |tenant: &str, path: &str, patience: u64| {
        let call = (stack.send)(get(tenant, path));
        tokio::time::timeout(Duration::from_millis(patience), call)
    };
    // The window closes after 10 ms, and the call takes 100 ms.
    let (early, late, stays, same) = tokio::join!(
        ask("t0", "/same", 5),
        ask("t1", "/1", 50),
        ask("t2", "/2", 1_000),
        ask("t3", "/same", 1_000),
    );
    assert!(early.is_err() && late.is_err());
    assert_eq!(
        (stays.unwrap().status, same.unwrap().status),
        (StatusCode::OK, StatusCode::OK)
    );
    let spent = stack.spent(&[]);
    let third = |name: &str| spent[name].pico() / 10;
    assert_eq!(spent.get("t0"), None);
    assert_eq!(["t1", "t2", "t3"].map(third), [33_333_333_333; 3]);
    assert_eq!(sum(spent.values().copied()), usd("1"));
    stack.assert_nothing_is_reserved(&names(4), "1", &spent);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_all_callers_leave_reserves_nothing_afterwards() {
    let stack = Stack::new([each("1")], [provider("a", "1")], echo);
    let tenants = names(8);
    let calls = tenants
        .iter()
        .map(|name| (stack.send)(get(name, &format!("/{name}"))));
    let all = join_all(calls);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), all)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(stack.calls(), [("a".to_owned(), 8)]);
    // The provider got the request, and may charge it.
    let spent = stack.spent(&[]);
    assert!(
        tenants.iter().all(|name| spent[name] == usd("0.125")),
        "{spent:?}"
    );
    stack.assert_nothing_is_reserved(&tenants, "1", &spent);
}

#[tokio::test(start_paused = true)]
async fn whatever_tenants_ask_none_exceeds_its_cap_and_their_shares_are_the_upstreams_bill() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let stack = Stack::new([each("0.4")], [provider("a", "1")], echo);
        let tenants = names(12);
        let mut asked = 0;
        for round in 0..10 {
            let count = random.usize(1..30);
            let requests: Vec<_> = (0..count)
                .map(|_| {
                    let tenant = &tenants[random.usize(..tenants.len())];
                    get(tenant, &format!("/{round}/{}", random.usize(..20)))
                })
                .collect();
            asked += requests.len();
            for answer in stack.all(requests).await {
                asked -= 1;
                let refused = answer.status == StatusCode::PAYMENT_REQUIRED;
                assert!(answer.status == StatusCode::OK || refused && answer.charge.is_none());
            }
        }
        assert_eq!(asked, 0, "each request has an answer");
        let spent = stack.spent(&[]);
        let bill = usd("1") * stack.calls().len() as u64;
        assert_eq!(sum(spent.values().copied()), bill, "seed {seed}");
        assert!(
            spent.values().all(|spent| *spent <= usd("0.4")),
            "seed {seed}: {spent:?}"
        );
        stack.assert_nothing_is_reserved(&tenants, "0.4", &spent);
        let made: u64 = stack
            .ledger
            .lines()
            .iter()
            .filter(|line| line.layer == "cost-route")
            .map(|line| line.calls_made)
            .sum();
        assert_eq!(made as usize, stack.calls().len());
    }
}

#[tokio::test(start_paused = true)]
async fn no_tenant_is_told_what_another_one_has_spent() {
    let stack = Stack::new([each("0.4")], [provider("a", "1")], echo);
    stack.spend("t0", "0.31");
    stack.spend("t1", "0.32");
    let answers = stack
        .all(names(2).iter().map(|name| get(name, &format!("/{name}"))))
        .await;
    let used: Vec<_> = answers
        .iter()
        .map(|answer| answer.body["used"].as_str())
        .collect();
    assert_eq!(used, [Some("$0.31"), Some("$0.32")]);
    assert_eq!(stack.calls(), []);
}
