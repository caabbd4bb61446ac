//! Costs of answers in the ledger, and files that are left at the provider.

mod vendor;

use std::path::Path;

use bytes::Bytes;
use http::Request;
use scrimp_core::{
    Currency, Dimension, Ledger, Money,
    extensions::{Charge, CostTags, Deadline, Tenant},
};
use scrimp_jobs::{BatchJobsLayerBuilder, JobCost, PaidAnswer, SqliteQueue};
use tower::ServiceExt;
use vendor::{
    Call, Fault, Form,
    rig::{self, HOUR, MINUTE, Rig},
};

const FORMS: [Form; 4] = [Form::OpenAi, Form::Anthropic, Form::Gemini, Form::Mistral];

/// An answer costs 7 pico-dollars in a job, and twice that alone. What the provider refuses costs nothing.
const EACH: i128 = 7;

fn price(answer: &PaidAnswer<'_>) -> Option<JobCost> {
    let pico = if answer.from_job { EACH } else { 2 * EACH };
    let cost = JobCost::new(Money::from_pico(pico, Currency::USD));
    let cost = cost.model("small").tokens(3, 1);
    answer.status.is_success().then_some(cost)
}

fn booked(ledger: &Ledger) -> impl FnOnce(BatchJobsLayerBuilder) -> BatchJobsLayerBuilder {
    let ledger = ledger.clone();
    |builder| builder.ledger(ledger).price(price)
}

fn pico(ledger: &Ledger) -> i128 {
    ledger.totals().spent.get(Currency::USD).pico()
}

/// Makes requests of three tenants and two teams.
fn tagged(form: Form, count: u64) -> impl Iterator<Item = Request<Bytes>> {
    (0..count).map(move |n| {
        let mut request = rig::request(form, rig::BASE, n, "ok");
        let extensions = request.extensions_mut();
        extensions.insert(Tenant::from(
            ["a", "b", "c"][usize::try_from(n % 3).unwrap()],
        ));
        if n % 4 > 0 {
            extensions.insert(CostTags::new([(
                "team",
                if n % 2 == 0 { "x" } else { "y" },
            )]));
        }
        request
    })
}

/// Checks that the costs by each dimension are the total.
#[track_caller]
fn check(ledger: &Ledger, pico_dollars: i128) {
    assert_eq!(pico(ledger), pico_dollars);
    for (dimension, values) in [
        (Dimension::Layer, 1),
        (Dimension::Tenant, 3),
        (Dimension::Model, 1),
        (Dimension::Tag("team"), 3),
    ] {
        let by = ledger.totals_by(dimension);
        let parts = by.values().map(|part| part.spent.get(Currency::USD).pico());
        assert_eq!(
            (parts.sum::<i128>(), by.len()),
            (pico_dollars, values),
            "{dimension:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_answers_of_a_submission_are_booked_for_their_tenants_and_tags() {
    for form in FORMS {
        let ledger = Ledger::new();
        let rig = Rig::with(form, booked(&ledger));
        let night = rig.layer.submit("night", tagged(form, 120)).await.unwrap();
        night
            .forward(|_| std::future::ready(Ok::<_, std::io::Error>(())))
            .await
            .unwrap();
        check(&ledger, 120 * EACH);
        let lines = ledger.lines();
        assert_eq!(lines.iter().map(|line| line.calls_made).sum::<u64>(), 120);
        assert_eq!(lines.iter().map(|line| line.tokens_in).sum::<u64>(), 360);
    }
}

/// Submits 60 requests, stops, and goes on with the same file. Returns the books.
async fn restarted(between: impl FnOnce(&Path)) -> Ledger {
    let ledger = Ledger::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let first = Rig::over(
        Form::OpenAi,
        folder,
        SqliteQueue::open(&path).unwrap(),
        |builder| builder,
    );
    let night = first.layer.submit("night", tagged(Form::OpenAi, 60)).await;
    let (folder, vendor) = (first.folder, first.vendor);
    drop((night.unwrap(), first.layer));
    tokio::time::sleep(MINUTE / 60).await;
    between(&path);
    let queue = SqliteQueue::open(&path).unwrap();
    let layer = booked(&ledger)(rig::builder(&vendor, queue, &first.clock))
        .build()
        .unwrap();
    let night = layer.submission("night").await.unwrap().unwrap();
    night
        .forward(|_| std::future::ready(Ok::<_, std::io::Error>(())))
        .await
        .unwrap();
    assert_eq!(vendor.most_paid(), 1);
    drop(folder);
    ledger
}

#[tokio::test(start_paused = true)]
async fn payers_are_known_after_a_restart() {
    check(&restarted(|_| ()).await, 60 * EACH);
    let second_version =
        "DROP TRIGGER taken_out; DROP TRIGGER ended; DROP TABLE late; PRAGMA user_version = 2";
    check(
        &restarted(|path| change(path, second_version)).await,
        60 * EACH,
    );
}

/// Changes the tables of a queue that no process has open.
fn change(path: &Path, statements: &str) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.execute_batch(statements).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_payers_goes_on_and_its_costs_are_those_of_no_tenant() {
    let first_version = "DROP TRIGGER taken_out; DROP TRIGGER ended; DROP TABLE late; \
                         ALTER TABLE requests DROP COLUMN payer; PRAGMA user_version = 1";
    let ledger = restarted(|path| change(path, first_version)).await;
    assert_eq!(pico(&ledger), 60 * EACH);
    let tenants = ledger.totals_by(Dimension::Tenant);
    assert_eq!(tenants.len(), 1, "{tenants:?}");
}

#[tokio::test]
async fn a_queue_of_a_later_version_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    drop(SqliteQueue::open(&path).unwrap());
    change(&path, "PRAGMA user_version = 1000");
    let before = std::fs::read(&path).unwrap();
    let error = SqliteQueue::open(&path).unwrap_err().to_string();
    assert!(error.contains("version 1000"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn a_caller_gets_the_cost_of_its_answer_which_is_booked_once() {
    let ledger = Ledger::new();
    let rig = Rig::with(Form::Anthropic, booked(&ledger));
    let request = rig.request(1, "ok", 3 * HOUR);
    let response = rig.service().oneshot(request).await.unwrap();
    let cost = Money::from_pico(EACH, Currency::USD);
    assert_eq!(response.extensions().get(), Some(&Charge(cost)));
    assert!(ledger.has(response.extensions()));
    assert_eq!(pico(&ledger), EACH);
    // What the provider refuses costs nothing, and is told so by no charge.
    let request = rig.request(2, "bad", 3 * HOUR);
    let response = rig.service().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.extensions().get::<Charge>().is_none());
    assert_eq!(pico(&ledger), EACH);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_its_own_has_the_full_price() {
    let ledger = Ledger::new();
    let rig = Rig::with(Form::OpenAi, booked(&ledger));
    rig.vendor.fault(Call::Upload, Fault::Status(403));
    let night = rig.layer.submit("night", tagged(Form::OpenAi, 12)).await;
    night
        .unwrap()
        .forward(|_| std::future::ready(Ok::<_, std::io::Error>(())))
        .await
        .unwrap();
    assert_eq!(rig.vendor.count(Call::Own), 12);
    check(&ledger, 12 * 2 * EACH);
}

#[tokio::test(start_paused = true)]
async fn results_that_are_read_twice_are_booked_once() {
    let ledger = Ledger::new();
    let rig = Rig::with(Form::OpenAi, booked(&ledger));
    // The second file of results cannot be had at first, so the first one is read again.
    rig.vendor.state().polls = 1;
    let night = rig.layer.submit("night", tagged(Form::OpenAi, 30)).await;
    rig.vendor
        .fault(Call::Results, Fault::Later(0))
        .fault(Call::Results, Fault::Lost);
    night
        .unwrap()
        .forward(|_| std::future::ready(Ok::<_, std::io::Error>(())))
        .await
        .unwrap();
    assert!(rig.vendor.count(Call::Results) >= 4);
    check(&ledger, 30 * EACH);
}

#[tokio::test(start_paused = true)]
async fn what_a_job_has_left_at_the_provider_is_deleted_when_it_is_done() {
    for (form, count, left) in [
        (
            Form::OpenAi,
            9,
            &["file-0", "out-batch_000000", "err-batch_000000"][..],
        ),
        (Form::Anthropic, 9, &["msgbatch_000000"]),
        // Below 20 MB there is no file of requests.
        (Form::Gemini, 9, &["files/out-batches-000000"]),
        (Form::Gemini, 2, &[]),
        (
            Form::Mistral,
            9,
            &[
                "file-0",
                "out-00000000-0000-4000-8000-000000000000",
                "err-00000000-0000-4000-8000-000000000000",
            ],
        ),
    ] {
        for keep in [false, true] {
            let rig = Rig::with(form, |builder| builder.keep_files(keep));
            let requests = tagged(form, count);
            let night = rig.layer.submit("night", requests).await.unwrap();
            night
                .forward(|_| std::future::ready(Ok::<_, std::io::Error>(())))
                .await
                .unwrap();
            tokio::time::sleep(MINUTE).await;
            let expected: &[&str] = if keep { &[] } else { left };
            assert_eq!(rig.vendor.state().deleted, expected, "{form:?}");
            assert_eq!(rig.vendor.most_paid(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_of_which_no_job_was_made_is_deleted_and_a_failure_is_no_harm() {
    let rig = Rig::new(Form::OpenAi);
    rig.vendor
        .fault(Call::Create, Fault::Status(403))
        .fault(Call::Delete, Fault::Status(500));
    let night = rig.layer.submit("night", tagged(Form::OpenAi, 3)).await;
    night
        .unwrap()
        .forward(|_| std::future::ready(Ok::<_, std::io::Error>(())))
        .await
        .unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(rig.vendor.count(Call::Delete), 1);
    assert!(rig.vendor.state().deleted.is_empty());
    assert_eq!(rig.vendor.count(Call::Own), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_job_has_beside_a_call_of_its_own_is_booked_too() {
    let ledger = Ledger::new();
    let rig = Rig::with(Form::OpenAi, |builder| {
        booked(&ledger)(builder.poll(MINUTE, MINUTE))
    });
    rig.vendor.state().polls = 305;
    let due = |mut request: Request<Bytes>| {
        let by = tokio::time::Instant::now() + 5 * HOUR;
        request.extensions_mut().insert(Deadline(by));
        request
    };
    let requests = tagged(Form::OpenAi, 12).map(due);
    let night = rig.layer.submit("night", requests).await.unwrap();
    night
        .forward(|_| std::future::ready(Ok::<_, std::io::Error>(())))
        .await
        .unwrap();
    assert_eq!(rig.vendor.count(Call::Own), 12);
    check(&ledger, 12 * 2 * EACH);
    // The answers of the job come when the submission has all of its own, and are paid too.
    tokio::time::sleep(HOUR).await;
    assert_eq!(rig.layer.stats().late, 12);
    check(&ledger, 12 * 3 * EACH);
}
