//! Fields of a shared response that are for one client: `private="x"` and `no-cache="x"`
//! (RFC 9111 §5.2.2.4, §5.2.2.7).

use http::request::Parts;
use scrimp_testkit::Reply;
use scrimp_tests::{Rig, layer, reply};

/// Spellings of the directives, sloppy ones included.
const CONTROLS: [&str; 5] = [
    "max-age=60, private=\"x-user\"",
    "max-age=60, no-cache=\"X-User , x-other\"",
    "PRIVATE=x-user, max-age=60",
    "max-age=60, private=\"set-cookie, x-user\"",
    "private=\"x-other\", max-age=60, private=\"x-user\"",
];

/// Tells each client its name, in the fields that are for this client.
fn by_name(control: &'static str) -> impl Fn(&Parts) -> Reply {
    move |parts| {
        let name = parts.headers.get("x-name").map(|name| name.to_str());
        let name = name.expect("a name").expect("text");
        let fields = [
            ("cache-control", control),
            ("etag", "\"1\""),
            ("x-user", name),
            ("set-cookie", name),
        ];
        let cookie_too = control.contains("set-cookie");
        let fields = &fields[..if cookie_too { 4 } else { 3 }];
        match parts.headers.contains_key("if-none-match") {
            true => reply(304, fields, ""),
            false => reply(200, fields, "for all"),
        }
    }
}

#[tokio::test]
async fn a_field_for_one_client_reaches_no_other_from_store_or_after_a_validation() {
    for control in CONTROLS {
        let rig = Rig::new(layer(&[]), by_name(control));
        let own = rig.ask("GET", "/", &[("x-name", "alice")]).await;
        assert_eq!(own.header("x-user"), "alice");
        let forced = [("x-name", "bob"), ("cache-control", "no-cache")];
        for fields in [&[("x-name", "carol")][..], &forced, &[("x-name", "carol")]] {
            let other = rig.ask("GET", "/", fields).await;
            assert_eq!(other.text(), "for all");
            for field in ["x-user", "set-cookie"] {
                let value = other.header(field);
                assert!(
                    value.is_empty() || value == fields[0].1,
                    "{control}: {value}"
                );
            }
        }
        let last = rig.ask("GET", "/", &[("x-name", "carol")]).await;
        assert!(
            last.is_hit() && last.header("x-user").is_empty(),
            "{control}"
        );
    }
}
