//! `http-cache-semantics`, asked about a history.

use std::time::Duration;

use http::Response;
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use scrimp_cache::Mode;

use super::{
    common::{noon, request},
    history::History,
};

pub fn serves(mode: Mode, history: &History) -> bool {
    let options = CacheOptions {
        shared: mode == Mode::Shared,
        ..CacheOptions::default()
    };
    let mut response = Response::new(());
    *response.status_mut() = history.status.try_into().expect("a status code");
    for (name, value) in history.response_fields() {
        let value = value.parse().expect("a field value");
        response.headers_mut().append(name, value);
    }
    let first = request("GET", "http://h/", &history.first_fields());
    let policy = CachePolicy::new_options(&first, &response, noon(), options);
    let second = request("GET", "http://h/", &history.second_fields());
    let now = noon() + Duration::from_secs(history.wait);
    policy.is_storable() && matches!(policy.before_request(&second, now), BeforeRequest::Fresh(_))
}
