//! The four forms, against a server after the vendors' descriptions.

mod vendor;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use vendor::{
    Call, Fault, Form,
    rig::{HOUR, MINUTE, Rig},
};

const FORMS: [Form; 4] = [Form::OpenAi, Form::Anthropic, Form::Gemini, Form::Mistral];

/// Asks ten requests at once, and checks that each gets its own answer from one job.
async fn ten_from_a_job(rig: &Rig) {
    let asked = (0..10).map(|n| rig.answer(n, "ok", 6 * HOUR));
    for (n, (status, body)) in (0_u64..).zip(join_all(asked).await) {
        assert_eq!(
            (status, &body["n"], &body["own"]),
            (200, &json!(n), &json!(false))
        );
    }
    assert_eq!(rig.vendor.state().jobs.len(), 1, "{:?}", rig.vendor.form());
    assert_eq!(
        (rig.vendor.most_paid(), rig.vendor.count(Call::Own)),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn requests_that_can_wait_are_one_job_and_each_gets_its_own_answer() {
    for form in FORMS {
        let rig = Rig::new(form);
        ten_from_a_job(&rig).await;
        let stats = rig.layer.stats();
        assert_eq!(
            (stats.deferred, stats.from_jobs, stats.jobs, stats.waiting),
            (10, 10, 1, 0)
        );
        let expected = "Bearer sk-secret-of-the-account";
        assert_eq!(rig.vendor.state().authorization.as_deref(), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_job_of_gemini_has_its_requests_in_the_call_and_a_large_one_in_a_file() {
    let rig = Rig::new(Form::Gemini);
    assert_eq!(rig.answer(1, "ok", 6 * HOUR).await.1["n"], 1);
    assert_eq!(rig.vendor.count(Call::Upload), 0);
    let folder = tempfile::tempdir().unwrap();
    let queue = scrimp_jobs::SqliteQueue::open(folder.path().join("jobs.db")).unwrap();
    let codec = scrimp_jobs::GeminiJobs::new(vendor::rig::BASE)
        .unwrap()
        .inline_bytes(100);
    let layer =
        scrimp_jobs::BatchJobsLayer::builder(codec, queue, vendor::rig::client(&rig.vendor))
            .account(scrimp_jobs::JobAccount::new("a").field("x-goog-api-key", "k"))
            .clock(rig.clock.clone())
            .build()
            .unwrap();
    let rig = Rig { layer, ..rig };
    assert_eq!(rig.answer(2, "ok", 6 * HOUR).await.1["n"], 2);
    assert_eq!(rig.vendor.count(Call::Upload), 2, "a start and the bytes");
}

#[tokio::test(start_paused = true)]
async fn every_call_may_fail_and_be_asked_to_come_later_and_nothing_is_paid_twice() {
    for form in FORMS {
        for call in [Call::Upload, Call::Create, Call::Status, Call::Results] {
            let rig = Rig::new(form);
            for fault in [
                Fault::Later(7),
                Fault::Status(500),
                Fault::Lost,
                Fault::Status(503),
            ] {
                rig.vendor.fault(call, fault);
            }
            // The list may fail too, when it is needed.
            rig.vendor
                .fault(Call::List, Fault::Status(500))
                .fault(Call::List, Fault::Later(3));
            ten_from_a_job(&rig).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_creation_was_not_confirmed_is_found_in_the_list() {
    for form in FORMS {
        let rig = Rig::new(form);
        rig.vendor.fault(Call::Create, Fault::Lost);
        ten_from_a_job(&rig).await;
        assert_eq!(rig.layer.stats().reconciled, 1, "{form:?}");
        assert_eq!(rig.vendor.count(Call::Create), 1, "{form:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_not_in_the_list_for_long_enough_is_created_again() {
    for form in FORMS {
        let rig = Rig::new(form);
        rig.vendor.fault(Call::Create, Fault::Status(500));
        ten_from_a_job(&rig).await;
        assert_eq!(
            (rig.layer.stats().reconciled, rig.vendor.count(Call::Create)),
            (0, 2),
            "{form:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn with_an_idempotency_key_a_creation_is_repeated_and_nothing_is_listed() {
    let rig = {
        let mut rig = Rig::new(Form::OpenAi);
        rig.vendor.state().honours_keys = true;
        let queue = scrimp_jobs::SqliteQueue::open(rig.folder.path().join("other.db")).unwrap();
        rig.layer = vendor::rig::builder(&rig.vendor, queue, &rig.clock)
            .build()
            .unwrap();
        rig
    };
    rig.vendor.fault(Call::Create, Fault::Lost);
    ten_from_a_job(&rig).await;
    assert_eq!(
        (rig.vendor.count(Call::Create), rig.vendor.count(Call::List)),
        (2, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn results_out_of_order_of_strangers_twice_and_unreadable_go_to_no_other_request() {
    for form in FORMS {
        let rig = Rig::new(form);
        rig.vendor.state().disorder = true;
        let kinds = ["ok", "twice", "ok", "twice", "ok"];
        let asked = kinds
            .iter()
            .zip(0..)
            .map(|(kind, n)| rig.answer(n, kind, 6 * HOUR));
        for (n, (status, body)) in (0_u64..).zip(join_all(asked).await) {
            assert_eq!(
                (status, &body["n"], &body["own"]),
                (200, &json!(n), &json!(false)),
                "{form:?}"
            );
        }
        assert!(
            rig.layer.stats().unattributed >= 4,
            "{form:?}: {:?}",
            rig.layer.stats()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_job_did_not_process_is_sent_again_and_then_on_its_own() {
    for form in FORMS {
        let rig = Rig::new(form);
        let kinds = ["ok", "fail", "missing", "bad", "ok"];
        let asked = kinds
            .iter()
            .zip(0..)
            .map(|(kind, n)| rig.answer(n, kind, 20 * HOUR));
        let answers = join_all(asked).await;
        let own: Vec<_> = answers
            .iter()
            .map(|(status, body)| (*status, body["own"] == true))
            .collect();
        assert_eq!(
            own,
            [
                (200, false),
                (200, true),
                (200, true),
                (400, false),
                (200, false)
            ],
            "{form:?}"
        );
        assert_eq!(
            rig.vendor.state().jobs.len(),
            3,
            "{form:?}: three times, and then no more"
        );
        let own = rig.vendor.state().own.clone();
        assert_eq!(
            own.into_iter().collect::<Vec<_>>(),
            [(1, 1), (2, 1)],
            "{form:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_job_gives_what_it_has_and_the_rest_is_sent_again() {
    for form in FORMS {
        let rig = Rig::new(form);
        rig.vendor.state().expire = true;
        let asked = (0..10).map(|n| rig.answer(n, "ok", 20 * HOUR));
        let answers = join_all(asked).await;
        let own: Vec<bool> = answers
            .iter()
            .map(|(_, body)| body["own"] == true)
            .collect();
        assert_eq!(own, [false, true].repeat(5), "{form:?}");
        assert_eq!(rig.vendor.most_paid(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_request_does_not_cost_the_others_their_price() {
    for form in [Form::OpenAi, Form::Gemini, Form::Mistral] {
        let rig = Rig::new(form);
        let asked =
            (0..64).map(|n| rig.answer(n, if n == 17 { "poison" } else { "ok" }, 20 * HOUR));
        let answers = join_all(asked).await;
        assert_eq!(
            answers.iter().filter(|(status, _)| *status == 400).count(),
            1,
            "{form:?}"
        );
        let own = answers
            .iter()
            .filter(|(_, body)| body["own"] == true)
            .count();
        assert!(own < 8, "{form:?}: {own} were called on their own");
        assert_eq!(rig.vendor.most_paid(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_refused_makes_no_jobs_for_a_while_and_costs_no_request() {
    for status in [401, 402, 403, 404] {
        let rig = Rig::new(Form::OpenAi);
        rig.vendor.fault(Call::Upload, Fault::Status(status));
        let (code, body) = rig.answer(1, "ok", 6 * HOUR).await;
        assert_eq!((code, &body["own"]), (200, &json!(true)));
        let (code, body) = rig.answer(2, "ok", 6 * HOUR).await;
        assert_eq!((code, &body["own"]), (200, &json!(true)), "it did not wait");
        assert_eq!(rig.layer.stats().bypassed, 1);
        tokio::time::advance(6 * MINUTE).await;
        assert_eq!(rig.answer(3, "ok", 6 * HOUR).await.1["own"], false);
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_are_divided_by_the_limits_of_a_job() {
    let rig = Rig::with(Form::Mistral, |builder| builder.job_size(4, 100_000));
    let asked = (0..10).map(|n| rig.answer(n, "ok", 6 * HOUR));
    assert!(
        join_all(asked)
            .await
            .iter()
            .all(|(_, body)| body["own"] == false)
    );
    let mut sizes: Vec<usize> = rig
        .vendor
        .state()
        .jobs
        .iter()
        .map(|job| job.items.len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 4, 4]);
    let rig = Rig::with(Form::Mistral, |builder| builder.job_size(1_000, 1_000));
    let asked = (0..10).map(|n| rig.answer(n, "ok", 6 * HOUR));
    assert!(
        join_all(asked)
            .await
            .iter()
            .all(|(_, body)| body["own"] == false)
    );
    // A request takes up some 60 bytes, and 160 beside its body.
    assert_eq!(rig.vendor.state().jobs.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn requests_of_different_models_are_in_different_jobs_where_a_job_has_one_model() {
    let rig = Rig::new(Form::OpenAi);
    let other = || {
        let request = rig.request(1, "ok", 6 * HOUR);
        let body = bytes::Bytes::from(r#"{"model":"large","n":1,"user":"ok","messages":[]}"#);
        request.map(|_| http_body_util::Full::new(body))
    };
    let (one, two) = tokio::join!(rig.answer(1, "ok", 6 * HOUR), rig.ask(other()));
    assert_eq!((one.0, two.0), (200, 200));
    assert_eq!(rig.vendor.state().jobs.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn pauses_between_questions_grow_and_obey_the_provider() {
    let rig = Rig::with(Form::OpenAi, |builder| {
        builder.poll(Duration::from_secs(10), 10 * MINUTE)
    });
    rig.vendor.state().polls = 30;
    rig.vendor.fault(Call::Status, Fault::Later(1_800));
    let began = tokio::time::Instant::now();
    assert_eq!(rig.answer(1, "ok", 20 * HOUR).await.1["own"], false);
    assert!(began.elapsed() > 3 * HOUR, "{:?}", began.elapsed());
    assert_eq!(rig.vendor.count(Call::Status), 31);
}
