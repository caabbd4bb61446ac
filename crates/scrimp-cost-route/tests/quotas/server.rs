//! A server that refuses what is above the quotas of an account, as vendors' documentation says.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use scrimp_cost_route::RequestBody;
use scrimp_http::date;
use tokio::time::Instant;
use tower::{Service, service_fn};

/// Fields by which a server states its quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fields {
    /// Requests and tokens that fill up evenly.
    OpenAi,
    /// Requests, and tokens of either side, that fill up evenly; times in whole seconds, and tokens in
    /// thousands.
    Anthropic,
    /// Requests of fixed minutes.
    Draft,
}

/// Fields of a request that stand for its size.
pub(crate) const INPUT: &str = "x-input";
pub(crate) const OUTPUT: &str = "x-output";

/// Tokens that an answer may have, which OpenAI counts when a request comes.
const MAX_TOKENS: f64 = 256.0;

pub(crate) struct Server {
    fields: Fields,
    /// Sets whose requests and tokens are counted together, by the host.
    accounts: Vec<(&'static [&'static str], Mutex<Account>)>,
    start: Instant,
    wall: SystemTime,
}

/// Buckets of an account, and what it has answered.
pub(crate) struct Account {
    requests: Level,
    input: Level,
    output: Level,
    pub(crate) served: u32,
    pub(crate) refused: u32,
}

struct Level {
    limit: f64,
    left: f64,
    at: f64,
}

impl Level {
    fn new(limit: f64) -> Self {
        Self {
            limit,
            left: limit,
            at: 0.0,
        }
    }

    fn advance(&mut self, now: f64, fields: Fields) {
        if fields == Fields::Draft {
            if (now / 60.0).floor() > (self.at / 60.0).floor() {
                self.left = self.limit;
            }
        } else {
            self.left = (self.left + (now - self.at) * self.limit / 60.0).min(self.limit);
        }
        self.at = now;
    }

    /// Seconds until a part is there.
    fn wait(&self, part: f64) -> f64 {
        (part - self.left).max(0.0) * 60.0 / self.limit
    }

    /// Seconds until all is there.
    fn reset(&self) -> f64 {
        self.wait(self.limit)
    }
}

impl Server {
    /// Starts a server with quotas per minute: requests, tokens in, tokens out.
    pub(crate) fn new(
        fields: Fields,
        hosts: impl IntoIterator<Item = &'static [&'static str]>,
        [requests, input, output]: [f64; 3],
        wall: SystemTime,
    ) -> Arc<Self> {
        let account = || Account {
            requests: Level::new(requests),
            input: Level::new(input),
            output: Level::new(output),
            served: 0,
            refused: 0,
        };
        let accounts = hosts.into_iter();
        Arc::new(Self {
            fields,
            accounts: accounts
                .map(|hosts| (hosts, Mutex::new(account())))
                .collect(),
            start: Instant::now(),
            wall,
        })
    }

    /// Returns calls that were answered and refused.
    pub(crate) fn counts(&self) -> (u32, u32) {
        let each = self.accounts.iter().map(|(_, account)| account.lock());
        each.fold((0, 0), |(served, refused), account| {
            (served + account.served, refused + account.refused)
        })
    }

    /// Returns a client of it.
    pub(crate) fn client(
        self: &Arc<Self>,
    ) -> impl Service<
        Request<RequestBody<Full<Bytes>>>,
        Response = Response<Full<Bytes>>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + 'static {
        let server = Arc::clone(self);
        service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
            let server = Arc::clone(&server);
            async move { Ok(server.answer(&request).await) }
        })
    }

    async fn answer(&self, request: &Request<RequestBody<Full<Bytes>>>) -> Response<Full<Bytes>> {
        let number = |name: &str| -> f64 {
            let value = request.headers().get(name);
            value.map_or(0.0, |value| value.to_str().unwrap().parse().unwrap())
        };
        let (input, output) = (number(INPUT), number(OUTPUT));
        let host = request.uri().host().unwrap();
        let mut accounts = self.accounts.iter();
        let (_, account) = accounts.find(|(hosts, _)| hosts.contains(&host)).unwrap();
        let (answer, seconds) = {
            let now = self.start.elapsed().as_secs_f64();
            let mut account = account.lock();
            let admitted = account.admit(now, self.fields, input, output);
            let mut response = Response::new(Full::default());
            *response.headers_mut() = account.state(now, self.fields, self.wall);
            match admitted {
                None => {
                    account.served += 1;
                    let usage = format!(
                        r#"{{"usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}}}"#
                    );
                    *response.body_mut() = Full::from(usage);
                    // The head comes with the answer, and says what was left when the request came.
                    (response, 0.3 + output / 80.0)
                }
                Some(wait) => {
                    account.refused += 1;
                    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                    let seconds = wait.ceil().to_string();
                    let headers = response.headers_mut();
                    headers.insert("retry-after", seconds.parse().unwrap());
                    (response, 0.02)
                }
            }
        };
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        answer
    }
}

impl Account {
    /// Takes a request's part. Returns the seconds until there is room, if there is none.
    fn admit(&mut self, now: f64, fields: Fields, input: f64, output: f64) -> Option<f64> {
        for level in [&mut self.requests, &mut self.input, &mut self.output] {
            level.advance(now, fields);
        }
        let parts = match fields {
            Fields::OpenAi => [1.0, input + MAX_TOKENS, 0.0],
            Fields::Anthropic => [1.0, input, output],
            Fields::Draft => [1.0, 0.0, 0.0],
        };
        let levels = [&mut self.requests, &mut self.input, &mut self.output];
        let waits = levels.iter().zip(parts);
        let wait = waits.fold(0.0, |most: f64, (level, part)| most.max(level.wait(part)));
        if wait > 0.0 {
            return Some(match fields {
                Fields::Draft => 60.0 - now % 60.0,
                _ => wait,
            });
        }
        for (level, part) in levels.into_iter().zip(parts) {
            level.left -= part;
        }
        None
    }

    fn state(&self, now: f64, fields: Fields, wall: SystemTime) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: String, value: String| {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        };
        let at = |seconds: f64| wall + Duration::from_secs_f64(seconds);
        let date = date::format(at(now)).unwrap();
        put("date".into(), date.to_str().unwrap().into());
        match fields {
            Fields::OpenAi => {
                for (unit, level) in [("requests", &self.requests), ("tokens", &self.input)] {
                    let reset = (level.reset() * 1e3).round();
                    put(format!("x-ratelimit-limit-{unit}"), level.limit.to_string());
                    let left = level.left.floor().to_string();
                    put(format!("x-ratelimit-remaining-{unit}"), left);
                    put(format!("x-ratelimit-reset-{unit}"), format!("{reset}ms"));
                }
            }
            Fields::Anthropic => {
                for (unit, level, step) in [
                    ("requests", &self.requests, 1.0),
                    ("input-tokens", &self.input, 1_000.0),
                    ("output-tokens", &self.output, 1_000.0),
                ] {
                    let name = |part: &str| format!("anthropic-ratelimit-{unit}-{part}");
                    let left = (level.left / step).round() * step;
                    put(name("limit"), level.limit.to_string());
                    put(name("remaining"), left.max(0.0).to_string());
                    put(name("reset"), rfc3339(at(now + level.reset())));
                }
            }
            Fields::Draft => {
                let left = self.requests.left.floor();
                let reset = (60.0 - now % 60.0).ceil();
                put(
                    "ratelimit".into(),
                    format!("\"default\";r={left};t={reset}"),
                );
                let limit = self.requests.limit;
                put(
                    "ratelimit-policy".into(),
                    format!("\"default\";q={limit};w=60"),
                );
            }
        }
        headers
    }
}

/// Writes a date of 2026, which begins at the given second.
fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let second = since - super::NEW_YEAR;
    assert!(second < 31 * 86_400, "the tests take place in January");
    let (day, second) = (second / 86_400 + 1, second % 86_400);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("2026-01-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}
