//! Requests whose host differs between readers.

use scrimp_tests::{Fields, Rig, layer};

/// Reports whether the stored response to the first request answers the second.
async fn shared(first: (&str, Fields<'_>), second: (&str, Fields<'_>)) -> bool {
    let rig = Rig::reflecting(layer(&[]));
    rig.ask("GET", first.0, first.1).await;
    rig.ask("GET", second.0, second.1).await.is_hit()
}

#[tokio::test]
async fn two_hosts_in_one_request_are_stored_under_neither() {
    for hosts in [["a.example", "evil"], ["evil", "a.example"]] {
        let twice = [("host", hosts[0]), ("host", hosts[1])];
        let honest: Fields<'_> = &[("host", "a.example")];
        assert!(!shared(("/", &twice), ("/", honest)).await);
        assert!(!shared(("/", honest), ("/", &twice)).await);
        assert!(!shared(("/", &twice), ("/", &twice)).await);
    }
}

#[tokio::test]
async fn a_host_that_is_not_a_plain_name_is_not_stored() {
    for host in [
        "a.example@evil",
        "evil/@a.example",
        "a.example, evil",
        "a.example evil",
        "a.example\\evil",
        "a.example?evil",
        "a.example#evil",
    ] {
        let odd: Fields<'_> = &[("host", host)];
        assert!(!shared(("/", odd), ("/", odd)).await, "{host}");
        assert!(!shared(("/", odd), ("/", &[("host", "a.example")])).await);
    }
}

#[tokio::test]
async fn an_absolute_target_with_another_host_is_kept_apart_from_honest_requests() {
    let target = "http://a.example/";
    let honest: Fields<'_> = &[("host", "a.example")];
    let evil: Fields<'_> = &[("host", "evil")];
    assert!(!shared((target, evil), (target, honest)).await);
    assert!(!shared((target, evil), (target, &[])).await);
    assert!(!shared((target, evil), ("http://evil/", &[])).await);
    assert!(shared((target, honest), (target, &[])).await);
}

#[tokio::test]
async fn a_response_to_a_target_with_credentials_is_not_stored() {
    let own = "http://alice:secret@a.example/";
    assert!(!shared((own, &[]), ("http://a.example/", &[])).await);
    assert!(!shared((own, &[]), (own, &[])).await);
    assert!(!shared(("http://a.example/", &[]), (own, &[])).await);
}

#[tokio::test]
async fn a_port_counts_unless_it_is_the_default_of_the_scheme() {
    let at = |host: &'static str| -> [(&'static str, &str); 1] { [("host", host)] };
    assert!(!shared(("/", &at("a.example:81")), ("/", &at("a.example"))).await);
    assert!(shared(("http://a.example:80/", &[]), ("http://a.example/", &[])).await);
    assert!(!shared(("http://a.example:443/", &[]), ("http://a.example/", &[])).await);
}

#[tokio::test]
async fn case_does_not_separate_hosts_and_a_trailing_dot_does() {
    let at = |host: &'static str| -> [(&'static str, &str); 1] { [("host", host)] };
    assert!(shared(("/", &at("A.Example")), ("/", &at("a.example"))).await);
    // DNS treats both names as equal; an upstream may not.
    assert!(!shared(("/", &at("a.example.")), ("/", &at("a.example"))).await);
}

#[tokio::test]
async fn hosts_and_schemes_never_share_a_response() {
    let at = |host: &'static str| -> [(&'static str, &str); 1] { [("host", host)] };
    assert!(!shared(("/", &at("evil")), ("/", &at("a.example"))).await);
    assert!(!shared(("http://a.example/", &[]), ("https://a.example/", &[])).await);
    assert!(!shared(("/", &[]), ("/", &at("a.example"))).await);
}
