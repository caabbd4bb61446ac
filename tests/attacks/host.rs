//! Requests whose host is not the same to everybody.

use scrimp_tests::{Fields, Rig, layer};

/// Whether what is stored for the first request answers the second.
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
async fn a_host_that_is_no_plain_name_is_not_stored() {
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
async fn an_absolute_target_and_another_host_are_kept_apart_from_the_honest() {
    let target = "http://a.example/";
    let honest: Fields<'_> = &[("host", "a.example")];
    let evil: Fields<'_> = &[("host", "evil")];
    assert!(!shared((target, evil), (target, honest)).await);
    assert!(!shared((target, evil), (target, &[])).await);
    assert!(!shared((target, evil), ("http://evil/", &[])).await);
    assert!(shared((target, honest), (target, &[])).await);
}

#[tokio::test]
async fn credentials_in_the_target_keep_the_answer_out_of_the_store() {
    let own = "http://alice:secret@a.example/";
    assert!(!shared((own, &[]), ("http://a.example/", &[])).await);
    assert!(!shared((own, &[]), (own, &[])).await);
    assert!(!shared(("http://a.example/", &[]), (own, &[])).await);
}

#[tokio::test]
async fn a_port_counts_unless_it_is_the_schemes_own() {
    let at = |host: &'static str| -> [(&'static str, &str); 1] { [("host", host)] };
    assert!(!shared(("/", &at("a.example:81")), ("/", &at("a.example"))).await);
    assert!(shared(("http://a.example:80/", &[]), ("http://a.example/", &[])).await);
    assert!(!shared(("http://a.example:443/", &[]), ("http://a.example/", &[])).await);
}

#[tokio::test]
async fn case_does_not_part_hosts_and_a_trailing_dot_does() {
    let at = |host: &'static str| -> [(&'static str, &str); 1] { [("host", host)] };
    assert!(shared(("/", &at("A.Example")), ("/", &at("a.example"))).await);
    // The same name to DNS; an upstream may well answer it differently.
    assert!(!shared(("/", &at("a.example.")), ("/", &at("a.example"))).await);
}

#[tokio::test]
async fn hosts_and_schemes_never_share_an_answer() {
    let at = |host: &'static str| -> [(&'static str, &str); 1] { [("host", host)] };
    assert!(!shared(("/", &at("evil")), ("/", &at("a.example"))).await);
    assert!(!shared(("http://a.example/", &[]), ("https://a.example/", &[])).await);
    assert!(!shared(("/", &[]), ("/", &at("a.example"))).await);
}
