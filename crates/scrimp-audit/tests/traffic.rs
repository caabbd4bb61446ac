//! Requests and invalidations in the log, without secrets or persons.

mod rig;

use std::{convert::Infallible, future::pending};

use http::{Request, Response, StatusCode};
use rig::{contents, key, lines, names, open};
use scrimp_audit::{AuditEvent, AuditKind, AuditLayer, AuditLog, verify};
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
use scrimp_core::{Problem, extensions::Tenant};
use tower::{Layer, ServiceExt, service_fn};

const FILE: &str = "audit-0000000001.jsonl";

fn holds(folder: &tempfile::TempDir, text: &str) -> bool {
    let bytes = contents(folder.path());
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[derive(Clone)]
struct User(&'static str);

#[tokio::test]
async fn a_request_is_recorded_by_whom_for_whom_and_with_its_outcome_and_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(&folder);
    let layer = AuditLayer::new(&log)
        .actor(|parts| parts.extensions.get::<User>().map(|user| user.0.to_owned()))
        .subject(|parts| parts.uri.path().split('/').nth(2).map(str::to_owned));
    let service = layer.layer(service_fn(|_: Request<()>| async {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok::<_, Infallible>(response)
    }));
    let request = Request::builder()
        .method("PURGE")
        .uri("https://root:hunter2@shop.example/users/anna-4711?api_key=s3cret&page=2")
        .header("authorization", "Bearer t0ken")
        .header("cookie", "session=c00kie")
        .extension(User("ops"))
        .extension(Tenant("acme".into()))
        .body(())
        .expect("a request");
    let response = service.oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    log.close().await;

    let record = &lines(&folder, FILE)[1];
    let pseudonym = log.pseudonym("anna-4711").expect("a key");
    for part in [
        "\"kind\":\"request\"",
        "\"actor\":\"ops\"",
        "\"tenant\":\"acme\"",
        &format!("\"subject\":\"{pseudonym}\""),
        "\"target\":\"https://shop.example/users/*?api_key=*&page=*\"",
        "\"method\":\"PURGE\"",
        "\"outcome\":\"204\"",
    ] {
        assert!(record.contains(part), "{part}: {record}");
    }
    for secret in ["hunter2", "s3cret", "t0ken", "c00kie", "anna"] {
        assert!(!holds(&folder, secret), "{secret}");
    }
}

#[tokio::test]
async fn of_all_requests_the_refused_ones_are_recorded_with_layer_and_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(&folder);
    let service = AuditLayer::refusals(&log).layer(service_fn(|request: Request<()>| async move {
        Ok::<_, Infallible>(match request.uri().path() {
            "/refused" => {
                let problem = Problem::new("cost-route", "budget", StatusCode::PAYMENT_REQUIRED);
                problem.response().map(drop)
            }
            _ => Response::new(()),
        })
    }));
    for path in ["/good", "/refused", "/good"] {
        let request = Request::builder().uri(path).body(()).expect("a request");
        service.clone().oneshot(request).await.expect("infallible");
    }
    log.close().await;
    let all = lines(&folder, FILE);
    assert_eq!(all.len(), 3, "opened, the refusal, closed: {all:?}");
    for part in [
        "\"kind\":\"refusal\"",
        "\"layer\":\"cost-route\"",
        "\"reason\":\"budget\"",
        "\"402\"",
    ] {
        assert!(all[1].contains(part), "{part}: {}", all[1]);
    }
}

#[tokio::test]
async fn a_request_whose_caller_leaves_is_recorded_as_cancelled() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(&folder);
    let service = AuditLayer::new(&log).layer(service_fn(|_: Request<()>| {
        pending::<Result<Response<()>, Infallible>>()
    }));
    let mut call = Box::pin(service.oneshot(Request::new(())));
    assert!(futures_poll(call.as_mut()).is_pending());
    drop(call);
    log.close().await;
    assert!(lines(&folder, FILE)[1].contains("\"outcome\":\"cancelled\""));
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn an_invalidation_is_recorded_with_a_pseudonym_of_its_tag() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(&folder);
    let store = MemoryStore::new(1 << 20);
    let cache = CacheLayer::builder(store)
        .purger(log.clone())
        .build()
        .expect("a cache");
    cache
        .invalidator()
        .invalidate(&Invalidation::tag("user:anna"));
    let uri = "https://shop.example/users/4711?q=anna"
        .parse()
        .expect("a URI");
    cache
        .invalidator()
        .invalidate(&Invalidation::uri(uri).soft());
    log.close().await;
    let all = lines(&folder, FILE);
    let tag = format!(
        "\"target\":\"tag:{}\"",
        log.pseudonym("user:anna").expect("a key")
    );
    assert!(
        all[1].contains("\"kind\":\"invalidation\"") && all[1].contains(&tag),
        "{}",
        all[1]
    );
    assert!(
        all[2].contains("uri:https://shop.example/users/*?q=*"),
        "{}",
        all[2]
    );
    assert!(all[2].contains("\"soft\":\"true\""), "{}", all[2]);
    assert!(!holds(&folder, "anna"));
    assert!(
        verify(&folder, Some(&key()), None)
            .expect("a folder")
            .is_sound()
    );
}

#[tokio::test]
async fn subjects_are_told_apart_by_the_key_of_pseudonyms_and_without_one_by_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(folder.path()).build().expect("a log");
    assert_eq!(log.pseudonym("anna"), None);
    log.record(
        AuditEvent::new(AuditKind::Erasure)
            .subject("anna")
            .hidden_target("tag", "user:anna"),
    );
    log.close().await;
    let record = &lines(&folder, FILE)[1];
    assert!(record.contains("\"subject\":\"withheld\"") && record.contains("\"tag:withheld\""));
    let other = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(other.path())
        .pseudonyms(names())
        .build()
        .expect("a log");
    let one = log.pseudonym("anna").expect("a key");
    assert_eq!(one.len(), 32);
    assert!(log.pseudonym("anna") == Some(one.clone()) && log.pseudonym("bert") != Some(one));
    log.close().await;
}
