//! What a layer was set to.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, request::Parts};
use scrimp_core::{Clock, Key, Ledger, Money, SettingError};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::reuse::ReuseWindow;

/// What becomes of a reader that falls further behind than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SlowReader {
    /// Its body breaks off with a [`FellBehind`](crate::FellBehind) error.
    #[default]
    Fail,
    /// A call of its own goes on where it is, if that brings the same answer: by status,
    /// length and a strong entity tag. Otherwise it fails.
    OwnCall,
}

/// What becomes of a request that would exceed a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// It is sent on its own.
    #[default]
    OwnCall,
    /// It is answered 503, with a `Proxy-Status` field (RFC 9209) that says why.
    Refuse,
}

/// What becomes of those who wait for a call that fails.
///
/// A call fails if it ends in an error, or in an answer of 500, 502, 503 or 504.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnError {
    /// All of them get its error.
    #[default]
    Share,
    /// One of them tries again while the rest go on waiting; the last of these attempts is
    /// shared as it is.
    Reelect {
        /// Calls at most, the first one counted. Range: 1 or more.
        attempts: u32,
    },
}

/// What becomes of a call whose callers have all left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Abandoned {
    /// It is dropped.
    #[default]
    Cancel,
    /// It is finished in the background, and its answer goes into the
    /// [window](crate::ReuseWindow). Needs a tokio runtime; without one it is dropped.
    Finish,
}

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) target_uri: TargetUri,
    pub(crate) credentials: Credentials,
    pub(crate) ignored: Vec<HeaderName>,
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

/// A user's own key of a request; `None` if it is to be sent as it is.
pub(crate) type KeyFn = dyn Fn(&Parts) -> Option<Key> + Send + Sync;

/// The layer's member of Cache-Status, made beforehand.
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

// === impl Config ===

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            target_uri: TargetUri::default(),
            credentials: Credentials::default(),
            ignored: Vec::new(),
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

    /// Returns whether the operator says that a field changes no answer.
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
    /// Fails if the name is not one for a structured field's token (RFC 9651 §3.3.4).
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
