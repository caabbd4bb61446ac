//! The settings of a layer.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, request::Parts};
use scrimp_core::{Clock, Key, KeyBy, Ledger, Money, PrivateIf, SettingError};
use scrimp_http::{credentials::Credentials, target::TargetUri};

/// Shortest time above zero.
pub(crate) const NANOSECOND: Duration = Duration::from_nanos(1);

/// Longest time that is added to an instant.
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Longest time for which a failure may be reused.
const MAX_ERRORS: Duration = Duration::from_secs(1);

/// Policy for a reader that falls further behind than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SlowReader {
    /// The body breaks off with a [`FellBehind`](crate::FellBehind) error.
    #[default]
    Fail,
    /// The reader continues with a call of its own, if that call returns the same response by
    /// status, length and a strong entity tag. Otherwise the body fails.
    OwnCall,
}

/// Policy for a request above the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The request is sent on its own.
    #[default]
    OwnCall,
    /// The response is a 503, with the reason in a `Proxy-Status` field (RFC 9209).
    Refuse,
}

/// Policy for callers that wait for a call that fails.
///
/// A call fails if it ends in an error, or in a response of 500, 502, 503 or 504.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnError {
    /// All callers get the error.
    #[default]
    Share,
    /// One caller retries while the others wait. The result of the last attempt is shared.
    Reelect {
        /// Maximum number of calls, including the first. Range: 1 or more.
        attempts: u32,
    },
}

/// Policy for a call whose callers have all left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Abandoned {
    /// The call is dropped.
    #[default]
    Cancel,
    /// The call is finished in the background, and its response goes into the
    /// [window](crate::ReuseWindow). Needs a tokio runtime: without one the call is dropped.
    ///
    /// It is the call of a caller who has left, with that caller's credentials. They are part of
    /// the key, so its response only answers requests that have the same. The call has a
    /// [span](scrimp_core::background_span) of its own from its start.
    Finish,
}

/// Time for which finished responses are reused, and the memory that they may use.
///
/// HTTP may shorten this time: a response with `max-age=5` is reused for five seconds. A response
/// with `no-cache`, `no-store`, or a malformed Cache-Control without a lifetime is not reused. A
/// response without any of these is reused for the whole window: enabling the window declares
/// that this is correct. [`build`](crate::CoalesceLayerBuilder::build) checks the ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReuseWindow {
    pub(crate) time: Duration,
    pub(crate) errors: Duration,
    pub(crate) max_bytes: u64,
}

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) target_uri: TargetUri,
    pub(crate) credentials: Credentials,
    pub(crate) ignored: Vec<HeaderName>,
    pub(crate) private_if: PrivateIf,
    pub(crate) key_by: KeyBy,
    pub(crate) share_events: bool,
    pub(crate) key: Option<Arc<KeyFn>>,
    pub(crate) posts_by_digest: bool,
    pub(crate) posts_by_idempotency_key: bool,
    pub(crate) max_bytes: usize,
    pub(crate) max_total_bytes: usize,
    pub(crate) slow_reader: SlowReader,
    pub(crate) patience: Duration,
    pub(crate) max_waiters: usize,
    pub(crate) max_keys: usize,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) overflow: Overflow,
    pub(crate) on_error: OnError,
    pub(crate) abandoned: Abandoned,
    pub(crate) window: Option<ReuseWindow>,
    pub(crate) remember: Duration,
    pub(crate) status: Option<Status>,
    pub(crate) clock: Clock,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) price: Money,
}

/// The user's function that makes keys. It returns `None` for a request to send on its own.
pub(crate) type KeyFn = dyn Fn(&Parts) -> Option<Key> + Send + Sync;

/// The layer's members of Cache-Status, made in advance.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) collapsed: HeaderValue,
    pub(crate) reused: HeaderValue,
}

// === impl OnError ===

impl OnError {
    pub(crate) fn checked(self) -> Result<Self, SettingError> {
        if let Self::Reelect { attempts } = self {
            SettingError::within("OnError", "attempts", attempts, 1..)?;
        }
        Ok(self)
    }
}

// === impl ReuseWindow ===

impl ReuseWindow {
    /// Returns a window of 30 seconds, one second for failures, and 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            time: Duration::from_secs(30),
            errors: MAX_ERRORS,
            max_bytes: 64 << 20,
        }
    }

    /// Sets how long a response is reused. Default: 30 s. Range: more than zero, up to 365 days.
    #[must_use]
    pub fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Sets how long an error, or a response of the 5xx class, is reused. Default: 1 s. Range:
    /// up to 1 s, because an upstream that has recovered should be called.
    #[must_use]
    pub fn errors(self, errors: Duration) -> Self {
        Self { errors, ..self }
    }

    /// Sets the limit on the memory of all responses, in bytes. The least used are evicted
    /// first. Default: 64 MiB. Range: 1 or more.
    #[must_use]
    pub fn max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    pub(crate) fn checked(self) -> Result<Self, SettingError> {
        const OWNER: &str = "ReuseWindow";
        SettingError::within(OWNER, "time", self.time, NANOSECOND..=YEAR)?;
        SettingError::within(OWNER, "errors", self.errors, ..=MAX_ERRORS)?;
        SettingError::within(OWNER, "max_bytes", self.max_bytes, 1..)?;
        Ok(self)
    }
}

impl Default for ReuseWindow {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Config ===

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            target_uri: TargetUri::default(),
            credentials: Credentials::default(),
            ignored: Vec::new(),
            private_if: PrivateIf::default(),
            key_by: KeyBy::default(),
            share_events: false,
            key: None,
            posts_by_digest: false,
            posts_by_idempotency_key: false,
            max_bytes: 1 << 20,
            max_total_bytes: 64 << 20,
            slow_reader: SlowReader::default(),
            patience: Duration::from_millis(100),
            max_waiters: usize::MAX,
            max_keys: 1 << 16,
            max_wait: None,
            overflow: Overflow::default(),
            on_error: OnError::default(),
            abandoned: Abandoned::default(),
            window: None,
            remember: Duration::from_secs(60),
            status: Some(Status::named("scrimp-coalesce").expect("the name is a token")),
            clock: Clock::system(),
            ledger: None,
            price: Money::ZERO,
        }
    }

    /// Reports whether the settings say that a field changes no response.
    pub(crate) fn ignores(&self, name: &HeaderName) -> bool {
        self.ignored.contains(name) || self.credentials.excludes(name)
    }

    pub(crate) fn attempts(&self) -> u32 {
        match self.on_error {
            OnError::Share => 1,
            OnError::Reelect { attempts } => attempts,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("max_bytes", &self.max_bytes)
            .field("max_total_bytes", &self.max_total_bytes)
            .field("max_waiters", &self.max_waiters)
            .field("max_keys", &self.max_keys)
            .field("max_wait", &self.max_wait)
            .field("on_error", &self.on_error)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

// === impl Status ===

impl Status {
    /// Makes the members, or fails if `name` is not a token (RFC 9651 §3.3.4).
    pub(crate) fn named(name: &str) -> Result<Self, SettingError> {
        let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'*';
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
        let token = name.bytes().next().is_some_and(first) && name.bytes().all(rest);
        if !token {
            let problem = format_args!("must be a token such as edge-1, not {name:?}");
            return Err(SettingError::new("CoalesceLayer", "cache_status", problem));
        }
        let value = |said: &str| {
            HeaderValue::try_from(format!("{name}; {said}")).expect("a token is visible ASCII")
        };
        Ok(Self {
            collapsed: value("fwd=uri-miss; collapsed"),
            reused: value("hit; detail=window"),
        })
    }
}
