//! A dry run, beside the jobs that it stands for.

mod vendor;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Full};
use scrimp_core::{BodyDigestLayer, Currency, Ledger, Money, Totals, extensions::Deadline};
use scrimp_jobs::{BatchJobsLayerBuilder, JobCost, PaidAnswer};
use scrimp_shadow::ShadowLayer;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt};
use vendor::{
    Chance, Form,
    rig::{self, HOUR, Own, Rig},
};

const REQUESTS: u64 = 200;

/// An answer costs by its length, and half of that in a job.
fn price(answer: &PaidAnswer<'_>) -> Option<JobCost> {
    let whole = 1_000 + answer.body.len() as i128;
    let pico = if answer.from_job { whole / 2 } else { whole };
    let cost = JobCost::new(Money::from_pico(pico, Currency::USD));
    answer.status.is_success().then_some(cost)
}

fn priced(builder: BatchJobsLayerBuilder) -> BatchJobsLayerBuilder {
    builder.price(price)
}

fn pico(totals: &Totals) -> i128 {
    totals.get(Currency::USD).pico()
}

/// Asks over a day: for most there are hours, for some there is no time.
async fn ask<S, B>(form: Form, service: S) -> u64
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<B>, Error: std::fmt::Debug> + Clone,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let mut random = fastrand::Rng::with_seed(7);
    let one = |n: u64, after: Duration, time: Duration| {
        let service = service.clone();
        async move {
            sleep(after).await;
            let mut request = rig::request(form, rig::BASE, n, "ok").map(Full::new);
            request
                .extensions_mut()
                .insert(Deadline(Instant::now() + time));
            let response = service.oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            response.into_body().collect().await.unwrap();
        }
    };
    let all = (0..REQUESTS).map(|n| {
        let after = HOUR.mul_f64(24.0 * random.f64());
        let hours = if random.f64() < 0.2 {
            0.1
        } else {
            8.0 + 12.0 * random.f64()
        };
        one(n, after, HOUR.mul_f64(hours))
    });
    join_all(all.collect::<Vec<_>>()).await.len() as u64
}

/// Returns a rig whose jobs take up to three hours.
fn with(form: Form, set: impl FnOnce(BatchJobsLayerBuilder) -> BatchJobsLayerBuilder) -> Rig {
    let rig = Rig::with(form, |builder| set(priced(builder)));
    rig.vendor.state().chance = Some(Chance {
        random: fastrand::Rng::with_seed(1),
        job: 3 * HOUR,
        own: Duration::from_secs(5),
        faults: 0.0,
    });
    rig
}

#[tokio::test(start_paused = true)]
async fn jobs_cost_what_the_dry_run_showed_and_the_shadow_shows_the_same() {
    for form in [Form::OpenAi, Form::Anthropic, Form::Gemini, Form::Mistral] {
        let ledger = Ledger::new();
        let real = with(form, |builder| builder.ledger(ledger.clone()));
        ask(form, real.service()).await;
        let paid = pico(&ledger.totals().spent);

        let dry = with(form, |builder| builder.dry_run(true));
        ask(form, dry.service()).await;
        let bill = dry.layer.dry_run_bill();
        let (in_jobs, alone) = (pico(&bill.in_jobs), pico(&bill.on_their_own));
        println!("{form:?}: jobs {paid}, in the dry run {in_jobs}; on their own {alone}");
        assert!(paid > 50_000 && (in_jobs - paid).abs() * 50 <= paid);
        assert!((alone - 2 * in_jobs).unsigned_abs() <= bill.answers.into());
        // Each got a call of its own, and the provider no job.
        let counted = {
            let state = dry.vendor.state();
            (state.own.len() as u64, state.paid.len())
        };
        assert_eq!(counted, (REQUESTS, 0));
        assert!(dry.layer.stats().deferred > REQUESTS / 2);

        let tried = with(form, |builder| builder.dry_run(true));
        let shadow = ShadowLayer::new(tried.layer.clone());
        let bodies = BodyDigestLayer::new(64 << 10).keep_body();
        let layers = ServiceBuilder::new().layer(bodies).layer(shadow.clone());
        ask(form, layers.service(Own(tried.vendor.clone()))).await;
        shadow.settled().await;
        assert_eq!(tried.layer.dry_run_bill(), bill);
        assert_eq!(tried.layer.stats().deferred, dry.layer.stats().deferred);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_submitted_in_a_dry_run() {
    let rig = Rig::with(Form::OpenAi, |builder| builder.dry_run(true));
    let request = rig::request(Form::OpenAi, rig::BASE, 1, "ok");
    let error = rig.layer.submit("night", [request]).await.unwrap_err();
    assert_eq!(error.to_string(), "nothing is submitted in a dry run");
    sleep(HOUR).await;
    assert!(rig.vendor.state().calls.is_empty());
}
