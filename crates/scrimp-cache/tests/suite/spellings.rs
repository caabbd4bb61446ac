//! Requests that select the same variant by differently written fields (RFC 9111 §4.1).

use crate::common;

use std::collections::HashSet;

use common::{Fields, Rig, layer, reply};

/// Groups of fields that mean the same, as clients write them.
const SPELLINGS: [&[Fields<'static>]; 6] = [
    &[
        &[("accept-encoding", "gzip, deflate, br, zstd")],
        &[("accept-encoding", "gzip,deflate,br,zstd")],
        &[("accept-encoding", "zstd, BR, deflate, gzip")],
        &[
            ("accept-encoding", "gzip, deflate"),
            ("accept-encoding", "br, zstd"),
        ],
    ],
    &[
        &[("accept-encoding", "gzip, deflate")],
        &[("accept-encoding", "deflate ,gzip")],
    ],
    &[
        &[("accept-encoding", "gzip")],
        &[("accept-encoding", "GZIP")],
    ],
    &[&[("accept-encoding", "br;q=1.0, gzip;q=0.5")]],
    &[&[("accept-encoding", "")]],
    &[&[]],
];

/// Returns a cache whose responses name the group of the request that they were made for.
fn rig(vary: &'static str) -> Rig {
    Rig::answering(layer(), move |request| {
        let group = group_of(&request.headers);
        let fields = [("cache-control", "max-age=60"), ("vary", vary)];
        reply(200, &fields, &group.to_string())
    })
}

fn group_of(headers: &http::HeaderMap) -> usize {
    let of = |fields: &Fields<'_>| {
        let lines = headers.get_all("accept-encoding").iter();
        lines.eq(fields.iter().map(|(_, line)| *line))
    };
    let group = SPELLINGS.iter().position(|group| group.iter().any(of));
    group.expect("a request of a group")
}

#[tokio::test]
async fn each_request_gets_the_variant_of_what_its_fields_mean() {
    for vary in ["accept-encoding", "Accept-Encoding, Origin"] {
        for seed in 0..20 {
            let (rig, mut random) = (rig(vary), fastrand::Rng::with_seed(seed));
            let mut seen = HashSet::new();
            for _ in 0..60 {
                let group = random.usize(..SPELLINGS.len());
                let fields = random.choice(SPELLINGS[group]).expect("a spelling");
                let answer = rig.get_with("/", fields).await;
                assert_eq!(answer.text(), group.to_string(), "seed {seed}: {fields:?}");
                assert_eq!(
                    answer.is_hit(),
                    !seen.insert(group),
                    "seed {seed}: {fields:?}"
                );
            }
            assert_eq!(rig.upstream.calls(), seen.len());
        }
    }
}

#[tokio::test]
async fn a_newer_response_under_other_fields_is_preferred_to_one_with_the_same_lines() {
    let varies = |fields: &str| {
        reply(
            200,
            &[("cache-control", "max-age=60"), ("vary", fields)],
            fields,
        )
    };
    let rig = Rig::script(
        layer(),
        [varies("accept-encoding"), varies("accept-language")],
    );
    let german = [("accept-encoding", "gzip, br"), ("accept-language", "de")];
    assert_eq!(rig.get_with("/", &german).await.text(), "accept-encoding");
    let other = [("accept-encoding", "br"), ("accept-language", "de")];
    assert_eq!(rig.get_with("/", &other).await.text(), "accept-language");
    // Both answer it now.
    assert_eq!(rig.get_with("/", &german).await.text(), "accept-language");
}
