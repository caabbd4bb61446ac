//! Processes that are killed at each step, with SIGKILL, and started again.
//!
//! A child process is this test's own program. It stops at the wanted place, or the provider holds its answer; then it is
//! killed. The next one gets as far as the end. The provider counts what it has processed.

mod vendor;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::Stdio,
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp_core::extensions::Deadline;
use scrimp_jobs::{BatchJobsLayer, JobAccount, JobRequestBody, SqliteQueue};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};
use tower::{Layer, ServiceExt};
use vendor::{
    Call, Fault, Form, Vendor,
    killing::{Killing, Place},
    rig,
};

const REQUESTS: u64 = 6;

/// Operations of the queue that change it, with the number of times that a run has each at least.
const PLACES: [(&str, usize); 6] = [
    ("put", 1),
    ("plan", 1),
    ("step", 3),
    ("answer", 1),
    ("finish", 1),
    ("acknowledge", 1),
];

// === the child ===

/// The child process. It does nothing when the tests run.
#[test]
fn child() {
    let Ok(folder) = std::env::var("SCRIMP_JOBS_CHILD") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work(Path::new(&folder)));
}

async fn work(folder: &Path) {
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let form = match set("FORM").as_str() {
        "openai" | "openai-keys" => Form::OpenAi,
        "anthropic" => Form::Anthropic,
        "gemini" => Form::Gemini,
        _ => Form::Mistral,
    };
    let (base, keys) = (set("BASE"), set("FORM") == "openai-keys");
    let queue = SqliteQueue::open(folder.join("jobs.db")).unwrap();
    let queue = Killing::new(queue, Place::parse(&set("PLACE")));
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let milliseconds = Duration::from_millis;
    let layer = BatchJobsLayer::builder(rig::codec(form, &base, keys), queue, client)
        .account(JobAccount::new("nightly").bearer("sk-secret"))
        .window(Duration::ZERO)
        .poll(milliseconds(20), milliseconds(100))
        .settle(milliseconds(300))
        .job_time(milliseconds(500))
        .call_time(milliseconds(500))
        .margin(milliseconds(500))
        .build()
        .unwrap();
    let time = Duration::from_millis(set("DUE").parse().unwrap_or(3_600_000));
    let request = |n| {
        let mut request = rig::request(form, &base, n, "ok");
        request
            .extensions_mut()
            .insert(Deadline(tokio::time::Instant::now() + time));
        request
    };
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("answers"))
        .unwrap();
    let write = |n: u64, body: &Bytes| {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let mut file = &file;
        file.write_all(format!("{n} {} {}\n", body["n"], body["own"]).as_bytes())
            .unwrap();
    };
    if set("MODE") == "ask" {
        let own = Client::builder(TokioExecutor::new()).build_http::<JobRequestBody<Full<Bytes>>>();
        let service = layer.layer(own);
        let ask = |n| {
            let (service, request) = (service.clone(), request(n).map(Full::new));
            async move {
                let response = service.oneshot(request).await.unwrap();
                response.into_body().collect().await.unwrap().to_bytes()
            }
        };
        for (n, body) in (0..).zip(join_all((0..REQUESTS).map(ask)).await) {
            write(n, &body);
        }
        return;
    }
    let submission = layer
        .submit("night", (0..REQUESTS).map(request))
        .await
        .unwrap();
    let sink = |answer: scrimp_jobs::JobAnswer| {
        write(answer.position, answer.response.body());
        std::future::ready(Ok::<_, std::io::Error>(()))
    };
    submission.forward(sink).await.unwrap();
}

// === the parent ===

struct Run {
    vendor: Vendor,
    base: String,
    folder: tempfile::TempDir,
    form: &'static str,
    mode: &'static str,
    due: u64,
}

impl Run {
    async fn new(form: &'static str) -> Self {
        let vendor = Vendor::new(match form {
            "openai" | "openai-keys" => Form::OpenAi,
            "anthropic" => Form::Anthropic,
            "gemini" => Form::Gemini,
            _ => Form::Mistral,
        });
        vendor.state().honours_keys = form == "openai-keys";
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (served, at) = (vendor.clone(), base.clone());
        let app = Router::new().fallback(move |request: Request<Body>| {
            let (vendor, at) = (served.clone(), at.clone());
            async move {
                let (mut head, body) = request.into_parts();
                head.uri = format!("{at}{}", head.uri).parse().unwrap();
                let body = body.collect().await.unwrap().to_bytes();
                vendor.answer(Request::from_parts(head, body)).await
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            vendor,
            base,
            folder: tempfile::tempdir().unwrap(),
            form,
            mode: "submit",
            due: 3_600_000,
        }
    }

    fn start(&self, place: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture", "--test-threads=1"])
            .env("SCRIMP_JOBS_CHILD", self.folder.path())
            .env("BASE", &self.base)
            .env("FORM", self.form)
            .env("MODE", self.mode)
            .env("PLACE", place)
            .env("DUE", self.due.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Starts a process, and kills it at a place of its own, or when the provider holds a call. Returns whether it came to that.
    async fn killed(&self, place: &str) -> bool {
        let mut child = self.start(place);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reached = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("REACHED") {
                    return true;
                }
            }
            false
        };
        let reached = tokio::select! {
            reached = reached => reached,
            () = self.vendor.held() => true,
        };
        child.kill().await.unwrap();
        reached
    }

    /// Runs a process to its end, and checks that each request has its answer, and was paid once.
    async fn finish(&self, place: &str) -> BTreeMap<u64, String> {
        let status = self.start("").wait_with_output().await.unwrap();
        assert!(
            status.status.success(),
            "{} {place}: {}",
            self.form,
            String::from_utf8_lossy(&status.stdout)
        );
        let text = fs::read_to_string(self.folder.path().join("answers")).unwrap();
        let mut answers = BTreeMap::new();
        for line in text.lines() {
            let (n, rest) = line.split_once(' ').unwrap();
            let before = answers.insert(n.parse().unwrap(), rest.to_owned());
            assert!(
                before.is_none_or(|before| before == rest),
                "{place}: two answers to {n}"
            );
        }
        for n in 0..REQUESTS {
            let answer = answers
                .get(&n)
                .unwrap_or_else(|| panic!("{} {place}: {n} has no answer", self.form));
            assert!(
                answer.starts_with(&format!("{n} ")),
                "{} {place}: {n} got {answer}",
                self.form
            );
        }
        answers
    }

    async fn paid_once(&self, place: &str) {
        let answers = self.finish(place).await;
        assert!(
            answers.values().all(|answer| answer.ends_with("false")),
            "{} {place}: {answers:?}",
            self.form
        );
        let paid = self.vendor.state().paid.clone();
        assert_eq!(
            paid,
            (0..REQUESTS).map(|n| (n, 1)).collect(),
            "{} {place}",
            self.form
        );
        assert_eq!(self.vendor.count(Call::Own), 0, "{} {place}", self.form);
    }
}

async fn at_each_operation_of_the_queue(form: &'static str) {
    for (operation, times) in PLACES {
        for time in 1..=times {
            for side in ["before", "after"] {
                let run = Run::new(form).await;
                let place = format!("{operation} {time} {side}");
                assert!(run.killed(&place).await, "{form}: {place} was not reached");
                run.paid_once(&place).await;
            }
        }
    }
}

async fn at_each_call(form: &'static str, calls: &[Call]) {
    for call in calls {
        for effect in [false, true] {
            let run = Run::new(form).await;
            run.vendor.fault(*call, Fault::Hold { effect });
            let place = format!("{call:?} {effect}");
            assert!(run.killed("").await, "{form}: {place} was not reached");
            run.paid_once(&place).await;
        }
    }
}

const CALLS: [Call; 4] = [Call::Upload, Call::Create, Call::Status, Call::Results];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_any_operation_of_its_queue_loses_nothing_and_pays_nothing_twice() {
    at_each_operation_of_the_queue("openai").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_during_any_call_loses_nothing_and_pays_nothing_twice() {
    at_each_call("openai", &CALLS).await;
    at_each_call("openai-keys", &[Call::Create]).await;
    at_each_call("mistral", &[Call::Create]).await;
    at_each_call("gemini", &[Call::Create, Call::Status]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_without_a_place_for_a_tag_is_recovered_by_the_names_of_its_requests() {
    at_each_call("anthropic", &[Call::Create, Call::Status, Call::Results]).await;
    for side in ["before", "after"] {
        for time in 1..=2 {
            let run = Run::new("anthropic").await;
            let place = format!("step {time} {side}");
            assert!(run.killed(&place).await, "{place} was not reached");
            run.paid_once(&place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_again_and_again_ends_in_the_end() {
    let run = Run::new("openai").await;
    for place in [
        "put 1 after",
        "plan 1 after",
        "step 1 after",
        "step 1 before",
    ] {
        run.killed(place).await;
    }
    run.vendor.fault(Call::Create, Fault::Hold { effect: true });
    run.killed("").await;
    run.vendor.fault(Call::List, Fault::Hold { effect: true });
    run.killed("").await;
    run.vendor
        .fault(Call::Results, Fault::Hold { effect: true });
    run.killed("").await;
    run.paid_once("all").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_ask_again_after_a_kill_get_the_answers_that_were_paid_for() {
    for (call, effect) in [
        (Call::Create, true),
        (Call::Status, true),
        (Call::Results, true),
        (Call::Upload, false),
    ] {
        let run = Run {
            mode: "ask",
            ..Run::new("openai").await
        };
        run.vendor.fault(call, Fault::Hold { effect });
        assert!(run.killed("").await);
        run.paid_once(&format!("ask {call:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_while_it_calls_on_its_own_loses_nothing() {
    // No job ends. Calls of their own have no key by which a second one could be known.
    for place in ["take_due 1 after", "settle 1 before", "settle 1 after"] {
        let run = Run {
            due: 4_000,
            ..Run::new("openai").await
        };
        run.vendor.state().polls = u64::MAX;
        run.killed(place).await;
        let answers = run.finish(place).await;
        assert!(
            answers.values().all(|answer| answer.ends_with("true")),
            "{place}: {answers:?}"
        );
    }
}
