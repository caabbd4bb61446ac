//! Stand-in until the cache is there.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use scrimp_core::{Clock, Money};
use tower::ServiceExt;

use crate::{
    error::Result,
    settings::{Settings, Ttl},
    upstream::Upstream,
};

pub(crate) struct Stack {
    map: HashMap<String, Duration>,
    clock: Clock,
    upstream: Upstream,
    ttl: Duration,
    no_query: bool,
}
pub(crate) struct Verdict {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) storable: bool,
}
pub(crate) struct Stats {
    pub(crate) saved: Money,
    pub(crate) entries: u64,
    pub(crate) peak_bytes: u64,
}

pub(crate) fn check_rule(text: &str) -> std::result::Result<(), String> {
    if text.contains('=') {
        Ok(())
    } else {
        Err("no".into())
    }
}

impl Stack {
    pub(crate) fn new(settings: &Settings, upstream: Upstream, clock: Clock) -> Result<Self> {
        let ttl = match settings.ttl {
            Ttl::After(t) => t,
            Ttl::Infinite => Duration::MAX,
            Ttl::None => Duration::ZERO,
        };
        let no_query = settings.rules.iter().any(|r| r.contains("query=none"));
        Ok(Self {
            map: HashMap::new(),
            clock,
            upstream,
            ttl,
            no_query,
        })
    }
    pub(crate) async fn call(&mut self, request: Request<Empty<Bytes>>) -> Verdict {
        let key = if self.no_query {
            request.uri().path().to_owned()
        } else {
            request.uri().to_string()
        };
        let get = request.method() == "GET";
        let safe = get || request.method() == "HEAD";
        let now = self.clock.unix();
        if !(safe && self.map.get(&key).is_some_and(|&at| at > now)) {
            let Ok(response) = self.upstream.clone().oneshot(request).await;
            let Ok(_) = response.into_body().collect().await;
            if get {
                self.map.insert(key.clone(), now.saturating_add(self.ttl));
            }
        }
        Verdict {
            key: safe.then(|| key.into_bytes()),
            storable: get,
        }
    }
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            saved: Money::ZERO,
            entries: self.map.len() as u64,
            peak_bytes: 0,
        }
    }
}
