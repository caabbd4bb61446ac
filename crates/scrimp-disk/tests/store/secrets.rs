//! Files as an attacker with access to the disk finds them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use bytes::Bytes;
use http::{Request, request::Parts};
use http_body_util::{BodyExt, Full};
use scrimp_cache::Invalidation;
use scrimp_core::extensions::Tenant;
use scrimp_testkit::{Reply, ScriptedBody};
use tempfile::tempdir;
use tower::ServiceExt;

use crate::rig::{Rig, builder, files};

/// Returns a response that depends on a field that holds a secret.
fn answer_by_theme(parts: &Parts) -> Reply {
    let body = ScriptedBody::new().data(format!("this is {}", parts.uri.path()));
    let response = http::Response::builder()
        .header("cache-control", "public, max-age=60")
        .header("vary", "x-theme");
    Reply::respond(response.body(body.sized()).expect("a response"))
}

#[tokio::test(start_paused = true)]
async fn files_hold_no_secret_of_a_request_and_only_their_owner_can_read_them() {
    let folder = tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    let rig = Rig::over(builder(&inner), answer_by_theme).await;
    let ask = async |method: &str, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://a.example{path}"))
            .header("x-theme", "s3cr3t-theme")
            .header("authorization", "Bearer s3cr3t")
            .extension(Tenant::from("s3cr3t-tenant"))
            .body(Full::<Bytes>::default());
        let request = request.expect("a request");
        let response = rig.cache().oneshot(request).await;
        let body = response.expect("an answer").into_body().collect().await;
        drop(body.expect("a body"));
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    };
    for method in ["GET", "GET", "POST", "GET"] {
        for path in ["/a?token=s3cr3t", "/s%33cret/?s3cr3t", "/%61?token=s3cr3t"] {
            ask(method, path).await;
        }
    }
    let invalidator = rig.layer.invalidator();
    let uri = "http://a.example/b?token=s3cr3t".parse();
    for invalidation in [
        Invalidation::tag("user:s3cr3t"),
        Invalidation::uri(uri.expect("a URI")),
        Invalidation::group("a.example", "s3cr3t"),
        Invalidation::version("user:s3cr3t", 3),
    ] {
        invalidator.invalidate(&invalidation);
    }
    let stored = files(&inner).len();
    assert!(stored >= 2, "{stored}");
    let mode = |path: &Path| path.metadata().expect("a file").permissions().mode() & 0o777;
    let mut all = 0;
    let mut folders = vec![inner];
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for file in fs::read_dir(&folder).expect("a folder") {
            let path = file.expect("a file").path();
            assert!(!path.to_string_lossy().contains("s3cr3t"));
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            let bytes = fs::read(&path).expect("bytes").escape_ascii().to_string();
            assert!(!bytes.contains("s3cr3t"), "{}: {bytes}", path.display());
            all += 1;
        }
    }
    assert_eq!(all, stored + 2, "and the journal, and the lock");
}

#[cfg(feature = "encryption")]
#[tokio::test(start_paused = true)]
async fn with_encryption_files_hold_no_response_and_survive_a_restart() {
    use scrimp_cache::EncryptionKeys;

    let folder = tempdir().expect("a folder");
    let keys = |secret| EncryptionKeys::new(1, [secret; 32]);
    let start = |secret| {
        Rig::over(
            builder(folder.path()).encryption(keys(secret)),
            crate::rig::answer,
        )
    };
    let rig = start(7).await;
    rig.get("/s3cr3t").await;
    let gone = Invalidation::prefix("http://a.example/s3cr3t/below");
    rig.layer.invalidator().invalidate(&gone);
    assert!(rig.get("/s3cr3t").await.1);
    drop(rig);
    let journal = folder.path().join("journal");
    for file in files(folder.path()).into_iter().chain([journal]) {
        let bytes = fs::read(&file).expect("bytes").escape_ascii().to_string();
        assert!(!bytes.contains("s3cr3t"), "{}: {bytes}", file.display());
    }
    assert!(start(7).await.get("/s3cr3t").await.1);
    assert!(!start(8).await.get("/s3cr3t").await.1, "another key");
}
