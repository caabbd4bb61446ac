//! Sitemaps through a service.
#![cfg(feature = "sitemap")]

mod rig;

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Response, Uri, request::Parts};
use http_body_util::Full;
use rig::{HOST, Rig, reply};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use scrimp_warm::{SitemapReport, Targets, Warmer};

fn urlset(paths: &[&str]) -> String {
    let urls = paths
        .iter()
        .map(|path| format!("<url><loc>{HOST}{path}</loc></url>"));
    format!("<urlset>{}</urlset>", urls.collect::<String>())
}

fn index(places: &[&str]) -> String {
    let maps = places
        .iter()
        .map(|place| format!("<sitemap><loc>{place}</loc></sitemap>"));
    format!("<sitemapindex>{}</sitemapindex>", maps.collect::<String>())
}

fn text(bytes: impl Into<Bytes>) -> Reply {
    Reply::respond(Response::new(ScriptedBody::new().data(bytes)))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

async fn fetch(
    answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
) -> (Targets, Result<SitemapReport, String>, usize) {
    let (scripted, upstream) = Scripted::answering(answer);
    let mut targets = Targets::on(HOST).unwrap().max(10_000).unwrap();
    let uri: Uri = format!("{HOST}/sitemap.xml").parse().unwrap();
    let report = targets
        .fetch_sitemap::<_, Full<Bytes>>(scripted, &uri)
        .await;
    (
        targets,
        report.map_err(|error| error.to_string()),
        upstream.calls(),
    )
}

#[tokio::test]
async fn an_index_is_followed_on_its_host_through_gzip_and_failures() {
    let (targets, report, calls) = fetch(|parts| match parts.uri.path() {
        "/sitemap.xml" => text(index(&[
            "/plain.xml",
            "http://shop.test/packed.xml.gz",
            "http://shop.test/gone.xml",
            "http://internal.test/secrets.xml",
            "http://shop.test/plain.xml",
            "http://shop.test/sitemap.xml",
        ])),
        "/plain.xml" => text(urlset(&["/1", "/2", "/1"])),
        "/packed.xml.gz" => text(gzip(&urlset(&["/3"]))),
        _ => reply(parts, 404, &[]),
    })
    .await;
    let report = report.unwrap();
    assert_eq!((report.read, report.failed, report.skipped), (3, 1, 3));
    assert!(report.examples[0].contains("gone.xml is answered with 404"));
    assert_eq!(
        (targets.uris().len(), targets.skipped().duplicate, calls),
        (3, 1, 4)
    );
    // What was found can be warmed.
    let rig = Rig::new();
    let warmer = Warmer::builder().build().unwrap();
    assert_eq!(rig.run(&warmer, &targets).await.stored, 3);
}

#[tokio::test]
async fn an_index_that_names_new_indexes_without_end_is_left() {
    let (_, report, calls) = fetch(|parts| {
        let next = format!("{HOST}{}x", parts.uri.path());
        text(index(&[&next]))
    })
    .await;
    let report = report.unwrap();
    assert_eq!((report.read, report.skipped, calls), (4, 1, 4));
}

#[tokio::test]
async fn an_index_of_fifty_thousand_sitemaps_that_fail_is_given_up() {
    let (_, report, calls) = fetch(|parts| match parts.uri.path() {
        "/sitemap.xml" => {
            let places: Vec<_> = (0..50_000).map(|n| format!("{HOST}/{n}.xml")).collect();
            text(index(
                &places.iter().map(String::as_str).collect::<Vec<_>>(),
            ))
        }
        _ => reply(parts, 500, &[]),
    })
    .await;
    let report = report.unwrap();
    assert_eq!((report.failed, calls, report.examples.len()), (20, 21, 5));
}

#[tokio::test]
async fn sitemaps_are_not_read_beyond_what_can_be_warmed() {
    let (targets, report, calls) = fetch(|parts| match parts.uri.path() {
        "/sitemap.xml" => {
            let places: Vec<_> = (0..100).map(|n| format!("{HOST}/{n}.xml")).collect();
            text(index(
                &places.iter().map(String::as_str).collect::<Vec<_>>(),
            ))
        }
        path => {
            let paths: Vec<_> = (0..5_000).map(|n| format!("{path}/{n}")).collect();
            text(urlset(
                &paths.iter().map(String::as_str).collect::<Vec<_>>(),
            ))
        }
    })
    .await;
    assert_eq!(
        (targets.uris().len(), calls, report.unwrap().read),
        (10_000, 3, 3)
    );
}

#[tokio::test]
async fn a_first_sitemap_that_cannot_be_read_is_an_error_with_its_reason() {
    let (_, report, _) = fetch(|parts| reply(parts, 301, &[("location", "/new.xml")])).await;
    let error = report.unwrap_err();
    assert!(
        error.contains("301") && error.contains("it is at /new.xml"),
        "{error}"
    );
    let (_, report, _) = fetch(|_| Reply::error("no route")).await;
    assert!(report.unwrap_err().contains("cannot be fetched: no route"));
    let (_, report, _) = fetch(|_| text(vec![b' '; 51 << 20])).await;
    assert!(report.unwrap_err().contains("larger than 50 MiB"));
}
