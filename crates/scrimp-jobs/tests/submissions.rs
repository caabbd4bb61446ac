//! Requests without a caller.

mod vendor;

use std::{collections::BTreeSet, fs};

use bytes::Bytes;
use http::Request;
use scrimp_jobs::{BatchJobsLayer, SqliteQueue};
use vendor::{
    Call, Fault, Form,
    rig::{self, HOUR, Rig},
};

fn requests(form: Form, count: u64) -> impl Iterator<Item = Request<Bytes>> {
    (0..count).map(move |n| rig::request(form, rig::BASE, n, "ok"))
}

/// Reads all answers of a submission.
async fn read(mut submission: scrimp_jobs::Submission) -> Vec<(u64, bool)> {
    let mut all = Vec::new();
    while let Some(answers) = submission.next().await.unwrap() {
        let positions: Vec<u64> = answers.iter().map(|answer| answer.position).collect();
        all.extend(
            answers
                .iter()
                .map(|answer| (answer.position, answer.from_job)),
        );
        submission.acknowledge(positions).await.unwrap();
    }
    all
}

#[tokio::test(start_paused = true)]
async fn each_request_of_a_submission_is_answered_once() {
    for form in [Form::OpenAi, Form::Anthropic, Form::Gemini, Form::Mistral] {
        let rig = Rig::new(form);
        let submission = rig
            .layer
            .submit("night", requests(form, 1_000))
            .await
            .unwrap();
        assert_eq!((submission.name(), submission.len()), ("night", 1_000));
        let all = read(submission).await;
        assert_eq!(all.len(), 1_000);
        assert_eq!(
            all.iter().map(|(at, _)| *at).collect::<BTreeSet<_>>().len(),
            1_000
        );
        assert!(all.iter().all(|(_, from_job)| *from_job));
        assert_eq!(
            (rig.vendor.most_paid(), rig.vendor.count(Call::Own)),
            (1, 0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_submitted_once_and_found_again() {
    let rig = Rig::new(Form::OpenAi);
    assert!(rig.layer.submission("night").await.unwrap().is_none());
    let first = rig
        .layer
        .submit("night", requests(Form::OpenAi, 5))
        .await
        .unwrap();
    let again = rig
        .layer
        .submit("night", requests(Form::OpenAi, 9))
        .await
        .unwrap();
    assert_eq!((first.len(), again.len()), (5, 5));
    drop((first, again));
    let found = rig.layer.submission("night").await.unwrap().unwrap();
    assert_eq!(read(found).await.len(), 5);
    assert_eq!(rig.vendor.most_paid(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acknowledged_is_given_again() {
    let rig = Rig::new(Form::OpenAi);
    let mut reader = rig
        .layer
        .submit("night", requests(Form::OpenAi, 5))
        .await
        .unwrap();
    assert_eq!(reader.next().await.unwrap().unwrap().len(), 5);
    assert!(
        reader.next().await.unwrap().is_none(),
        "this handle has given all"
    );
    drop(reader);
    let next = rig.layer.submission("night").await.unwrap().unwrap();
    assert_eq!(read(next).await.len(), 5);
    let last = rig.layer.submission("night").await.unwrap().unwrap();
    assert!(read(last).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sink_gets_everything_and_its_failure_keeps_the_rest() {
    let rig = Rig::new(Form::OpenAi);
    let submission = rig
        .layer
        .submit("night", requests(Form::OpenAi, 10))
        .await
        .unwrap();
    let mut left = 4;
    let sink = |_| {
        left -= 1;
        std::future::ready(if left == 0 {
            Err("the sink is full")
        } else {
            Ok(())
        })
    };
    let error = submission.forward(sink).await.unwrap_err();
    assert!(error.to_string().contains("the sink is full"), "{error}");
    let rest = rig.layer.submission("night").await.unwrap().unwrap();
    assert_eq!(read(rest).await.len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_no_job_answers_in_time_gets_calls_of_its_own_until_one_succeeds() {
    let rig = Rig::new(Form::OpenAi);
    rig.vendor.state().polls = u64::MAX;
    rig.vendor
        .fault(Call::Own, Fault::Status(500))
        .fault(Call::Own, Fault::Later(9));
    let submission = rig
        .layer
        .submit("night", requests(Form::OpenAi, 3))
        .await
        .unwrap();
    let all = read(submission).await;
    assert_eq!(all.iter().filter(|(_, from_job)| !from_job).count(), 3);
    assert_eq!(rig.vendor.count(Call::Own), 5);
}

#[tokio::test(start_paused = true)]
async fn after_its_deadline_a_request_has_a_problem_for_its_answer() {
    let rig = Rig::new(Form::OpenAi);
    rig.vendor.state().polls = u64::MAX;
    for _ in 0..10_000 {
        rig.vendor.fault(Call::Own, Fault::Status(500));
    }
    let mut submission = rig
        .layer
        .submit("night", requests(Form::OpenAi, 1))
        .await
        .unwrap();
    let answers = submission.next().await.unwrap().unwrap();
    assert_eq!(answers[0].response.status(), 504);
    assert_eq!(rig.layer.stats().timed_out, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_in_a_job_is_an_error_and_nothing_is_added() {
    let rig = Rig::new(Form::OpenAi);
    let with = |change: fn(&mut Request<Bytes>)| {
        let mut all: Vec<_> = requests(Form::OpenAi, 3).collect();
        change(&mut all[1]);
        all
    };
    type Change = fn(&mut Request<Bytes>);
    let wrong: [(Change, &str); 4] = [
        (
            |request| *request.uri_mut() = "https://api.example.com/v1/files".parse().unwrap(),
            "request 1 has no batch form",
        ),
        (
            |request| *request.uri_mut() = "/v1/chat/completions".parse().unwrap(),
            "request 1 is not absolute",
        ),
        (
            |request| {
                let other = "Bearer other".parse().unwrap();
                request.headers_mut().insert("authorization", other);
            },
            "fields of request 1",
        ),
        (
            |request| *request.body_mut() = Bytes::from(vec![b' '; 2 << 20]),
            "request 1 is above the limit",
        ),
    ];
    for (change, text) in wrong {
        let error = rig.layer.submit("night", with(change)).await.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    let rig = Rig::with(Form::OpenAi, |builder| builder.max_requests(2));
    assert!(
        rig.layer
            .submit("night", requests(Form::OpenAi, 3))
            .await
            .unwrap_err()
            .is_full()
    );
    assert!(rig.layer.submission("night").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_layer_left_is_taken_up_by_the_next() {
    let rig = Rig::new(Form::OpenAi);
    let submission = rig
        .layer
        .submit("night", requests(Form::OpenAi, 10))
        .await
        .unwrap();
    tokio::time::sleep(rig::MINUTE * 2).await;
    let Rig {
        vendor,
        layer,
        folder,
        clock,
    } = rig;
    drop((submission, layer));
    tokio::time::sleep(rig::MINUTE).await;
    let queue = SqliteQueue::open(folder.path().join("jobs.db")).unwrap();
    let layer: BatchJobsLayer = rig::builder(&vendor, queue, &clock).build().unwrap();
    let submission = layer.submission("night").await.unwrap().unwrap();
    assert_eq!(read(submission).await.len(), 10);
    assert_eq!(vendor.state().jobs.len(), 1);
    assert_eq!(vendor.most_paid(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_file_is_for_its_owner_only_holds_no_credentials_and_forgets_what_was_delivered() {
    let rig = Rig::new(Form::OpenAi);
    let path = rig.folder.path().join("jobs.db");
    let secret = "a-body-to-be-forgotten";
    let body = format!(r#"{{"model":"small","n":1,"messages":["{secret}"]}}"#);
    let request = |_| {
        Request::post(format!("{}/v1/chat/completions", rig::BASE))
            .header("authorization", "Bearer sk-secret-of-the-account")
            .body(Bytes::from(body.clone()))
            .unwrap()
    };
    let submission = rig
        .layer
        .submit("night", (0..1).map(request))
        .await
        .unwrap();
    let read_all = || {
        let wal = fs::read(path.with_extension("db-wal")).unwrap_or_default();
        let all = [fs::read(&path).unwrap(), wal].concat();
        String::from_utf8_lossy(&all).into_owned()
    };
    assert!(read_all().contains(secret), "bodies stand in the file");
    assert_eq!(read(submission).await.len(), 1);
    assert!(!read_all().contains("sk-secret"), "credentials do not");
    #[cfg(unix)]
    for name in [path.clone(), path.with_extension("db-wal")] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&name).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", name.display());
    }
    // The log is part of the file when it is closed.
    drop(rig.layer);
    tokio::time::sleep(HOUR).await;
    drop(SqliteQueue::open(&path).unwrap());
    assert!(!read_all().contains(secret));
}
