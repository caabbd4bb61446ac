//! What a layer was set to, and what its services share.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, request::Parts};
use scrimp_core::{Clock, Key, Ledger, Money, extensions::Since};

use crate::{
    answer::{Arrived, Birth},
    deliver::Asker,
    flight::Finish,
    key::{is_noise, written},
    marks::Marks,
    reader,
    stats::{CoalesceStats, Counters},
    stream::Stream,
    table::Table,
    tasks::Tasks,
    window::{Kept, Recent, Window},
};

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
    /// One of them tries again while the rest go on waiting; the last of so many attempts is
    /// shared as it is.
    Reelect {
        /// Calls at most, the first one counted.
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
    /// [window](crate::Window). Needs a tokio runtime; without one it is dropped.
    Finish,
}

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) ignored: Vec<HeaderName>,
    pub(crate) key: Option<Arc<KeyFn>>,
    pub(crate) posts_by_digest: bool,
    pub(crate) posts_by_idempotency_key: bool,
    pub(crate) max_bytes: usize,
    pub(crate) slow_reader: SlowReader,
    pub(crate) patience: Duration,
    pub(crate) max_waiters: usize,
    pub(crate) max_keys: usize,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) overflow: Overflow,
    pub(crate) on_error: OnError,
    pub(crate) abandoned: Abandoned,
    pub(crate) window: Option<Window>,
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

/// What the services of a layer share.
pub(crate) struct Common {
    pub(crate) config: Config,
    pub(crate) table: Arc<Table<Arrived>>,
    pub(crate) recent: Option<Recent>,
    pub(crate) state: Arc<State>,
    pub(crate) tasks: Weak<Tasks>,
}

/// What layer and services hold. What runs in the background holds [`Common`] alone, so that
/// it ends when they are gone.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) common: Arc<Common>,
    _tasks: Arc<Tasks>,
}

/// What a request is for, and what was known when it was made.
pub(crate) struct Asked<'a> {
    pub(crate) since: Option<Since>,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

/// What a layer's clones and handles share too.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) counters: Counters,
    pub(crate) marks: Marks,
}

// === impl Config ===

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            ignored: Vec::new(),
            key: None,
            posts_by_digest: false,
            posts_by_idempotency_key: false,
            max_bytes: 1 << 20,
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
            status: Status::named("scrimp-coalesce"),
            clock: Clock::system(),
            ledger: None,
            price: Money::ZERO,
        }
    }

    /// Whether a request field is part of the key.
    pub(crate) fn keys(&self, name: &HeaderName) -> bool {
        !is_noise(name) && !self.ignored.contains(name)
    }

    pub(crate) fn attempts(&self) -> u32 {
        match self.on_error {
            OnError::Share => 1,
            OnError::Reelect { attempts } => attempts,
        }
    }

    /// What to do with flights that everybody has left.
    pub(crate) fn finish(&self) -> Option<Finish<Arrived>> {
        match self.abandoned {
            Abandoned::Cancel => None,
            Abandoned::Finish => Some(reader::finish_call),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("max_bytes", &self.max_bytes)
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
    /// `None` if the name is not one for a structured field's token (RFC 9651 §3.3.4).
    pub(crate) fn named(name: &str) -> Option<Self> {
        let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'*';
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
        let token = name.bytes().next().is_some_and(first) && name.bytes().all(rest);
        let value = |said: &str| HeaderValue::try_from(format!("{name}; {said}")).ok();
        if !token {
            return None;
        }
        Some(Self {
            collapsed: value("fwd=uri-miss; collapsed")?,
            reused: value("hit; detail=window")?,
        })
    }
}

// === impl Asked ===

impl<'a> Asked<'a> {
    pub(crate) fn by<B>(request: &'a Request<B>, asker: &Asker) -> Self {
        Self {
            since: asker.since,
            uri: request.uri(),
            headers: request.headers(),
        }
    }

    fn target(&self) -> u64 {
        written(self.uri, self.headers)
    }
}

// === impl Owner ===

impl Owner {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let tasks = Arc::default();
        let common = Arc::new(Common {
            table: Arc::new(Table::new(config.max_keys)),
            recent: config.window.map(Recent::new),
            state: Arc::default(),
            tasks: Arc::downgrade(&tasks),
            config,
        });
        Arc::new(Self {
            common,
            _tasks: tasks,
        })
    }
}

// === impl Common ===

impl Common {
    pub(crate) fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Puts a result into the window.
    pub(crate) fn keep(&self, key: &Key, born: Birth, kept: Option<Kept>) {
        if let (Some(recent), Some(kept)) = (&self.recent, kept) {
            recent.put(key.clone(), born, kept, self.config.clock.instant());
        }
    }

    /// Whether a call that began then can have an answer for who asks now.
    pub(crate) fn holds(&self, born: Birth, asked: &Asked<'_>) -> bool {
        let reaches = |since| born.since.is_some_and(|born| born.reaches(since));
        asked.since.is_none_or(reaches) && self.state.marks.hold(born.writes, || asked.target())
    }

    /// Remembers that answers to this key are not to be shared.
    pub(crate) fn bar(&self, hash: u64, reason: &'static str) {
        tracing::debug!(reason, "an answer is not shared; its key is remembered");
        let now = self.config.clock.instant();
        self.table.bar(hash, now, now + self.config.remember);
    }

    /// Whether somebody else reads this to its end now.
    pub(crate) fn finishes(&self, stream: &Arc<Stream>) -> bool {
        self.config.abandoned == Abandoned::Finish && reader::finish_body(&self.tasks, stream)
    }

    pub(crate) fn stats(&self) -> CoalesceStats {
        let (window_entries, window_bytes) = self.recent.as_ref().map_or((0, 0), Recent::size);
        CoalesceStats {
            in_flight: self.table.len() as u64,
            remembered: self.table.barred() as u64,
            window_entries,
            window_bytes,
            ..self.state.counters.read()
        }
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("config", &self.config)
            .field("in_flight", &self.table.len())
            .finish_non_exhaustive()
    }
}
