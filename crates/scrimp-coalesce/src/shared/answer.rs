//! A shared response, with its body in one of two forms, and a shared error.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderValue,
    header::{CACHE_STATUS, VARY},
    response::Parts,
};
use parking_lot::Mutex;
use scrimp_core::{ShareError, extensions::SharedAnswer};
use scrimp_flight::{Broadcast, single_flight::SharedResult};
use scrimp_http::vary;

use super::{
    body::{ErasedBody, LiveReader},
    flight::LiveBody,
    whole::{Whole, WholeBody},
};

/// The shareable result of a call.
#[derive(Clone)]
pub(crate) enum Load {
    Answer(Arc<Answer>),
    Error(Failure),
}

/// One caller's copy of a [`Load`].
pub(crate) type Copied = Result<(Arc<Answer>, ErasedBody), Failure>;

/// A result that only one caller gets. The body is complete, or it is read through the call.
pub(crate) type Owned = Result<(Parts, Option<Whole>), Failure>;

/// An error of one service, among the errors of all services of a layer.
///
/// Services with different errors share a table, so its types name no error. The error is kept
/// under its own type, like a fact in a message's extensions.
#[derive(Clone)]
pub(crate) struct Failure(Arc<Extensions>);

/// A response with a body that several callers read.
pub(crate) struct Answer {
    pub(crate) head: Parts,
    /// The head's fields for callers that joined the call.
    joined: OnceLock<HeaderMap>,
    /// The fields of the request that was sent, if Vary has to be compared with them.
    fields: Option<Box<HeaderMap>>,
    content: Content,
    keeper: AtomicBool,
    committed: AtomicBool,
}

/// The body of an [`Answer`].
pub(crate) enum Content {
    /// The body was complete when the head was delivered.
    Whole(Whole),
    /// The body arrives, or has arrived, after its head.
    Live(Arc<Broadcast<LiveBody>>),
}

// === impl Load ===

impl SharedResult for Load {
    type Copy = Copied;

    fn copy(&self) -> Option<Copied> {
        Some(match self {
            Self::Answer(answer) => Ok((Arc::clone(answer), answer.open()?)),
            Self::Error(error) => Err(error.clone()),
        })
    }

    fn is_final(&self) -> bool {
        self.live().is_none()
    }

    fn settled(&self) {
        if let Some(live) = self.live() {
            live.settled();
        }
    }
}

impl Load {
    fn live(&self) -> Option<&Arc<Broadcast<LiveBody>>> {
        match self {
            Self::Answer(answer) => answer.live(),
            Self::Error(_) => None,
        }
    }

    /// Returns the number of bytes held, approximately.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Answer(answer) => answer.weight(),
            Self::Error(_) => 0,
        }
    }
}

// === impl Failure ===

impl Failure {
    /// Keeps an error for all callers.
    pub(crate) fn shared<E: ShareError>(error: E) -> Self {
        Self::keeping(error.share())
    }

    /// Keeps an error for one caller, unchanged. It need be neither `Sync` nor `Clone`.
    pub(crate) fn own<E: Send + 'static>(error: E) -> Self {
        Self::keeping(Arc::new(Mutex::new(Some(error))))
    }

    fn keeping<T: Clone + Send + Sync + 'static>(error: T) -> Self {
        let mut kept = Extensions::new();
        kept.insert(error);
        Self(Arc::new(kept))
    }

    /// Returns the error for one caller, or `None` if its service has another type of error.
    pub(crate) fn error<E: ShareError + Send + 'static>(&self) -> Option<E> {
        match self.0.get::<E::Shared>() {
            Some(shared) => Some(E::unshare(shared.clone())),
            None => self.0.get::<Arc<Mutex<Option<E>>>>()?.lock().take(),
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn new(head: Parts, fields: Option<Box<HeaderMap>>, content: Content) -> Arc<Self> {
        Arc::new(Self {
            head,
            joined: OnceLock::new(),
            fields,
            content,
            keeper: AtomicBool::new(false),
            committed: AtomicBool::new(false),
        })
    }

    /// Returns the body from its first byte, or `None` if that byte was dropped.
    pub(crate) fn open(self: &Arc<Self>) -> Option<ErasedBody> {
        Some(match &self.content {
            Content::Whole(whole) => ErasedBody::Whole(WholeBody::new(whole.clone())),
            Content::Live(live) => ErasedBody::Live(LiveReader::new(self, live)?),
        })
    }

    /// Returns the body if it arrives after its head.
    pub(crate) fn live(&self) -> Option<&Arc<Broadcast<LiveBody>>> {
        match &self.content {
            Content::Whole(_) => None,
            Content::Live(live) => Some(live),
        }
    }

    /// Returns the head's fields with this member of Cache-Status. They are made once and copied
    /// for each caller that joined, because growing a map for a field is expensive.
    pub(crate) fn joined(&self, status: &HeaderValue) -> HeaderMap {
        let label = || {
            let mut fields = self.head.headers.clone();
            fields.append(CACHE_STATUS, status.clone());
            fields
        };
        self.joined.get_or_init(label).clone()
    }

    /// Returns the extensions of the upstream's response, which report its cost.
    pub(crate) fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    fn weight(&self) -> usize {
        let fields = self.head.headers.iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + 32);
        let body = match &self.content {
            Content::Whole(whole) => whole.length(),
            Content::Live(live) => live.held(),
        };
        body + fields.sum::<usize>()
    }

    /// Reports whether the response matches a request with these fields (RFC 9111 §4.1). Fields
    /// are compared byte by byte.
    pub(crate) fn answers(&self, fields: &HeaderMap) -> bool {
        let Some(own) = &self.fields else {
            return true;
        };
        let lines = self.head.headers.get_all(VARY).iter();
        lines.flat_map(vary::line_fields).all(|name| {
            name.is_some_and(|name| fields.get_all(&name).iter().eq(own.get_all(&name).iter()))
        })
    }
}

impl SharedAnswer for Answer {
    fn keep(&self) -> bool {
        !self.keeper.swap(true, Relaxed)
    }

    fn commit(&self) -> bool {
        !self.committed.swap(true, Relaxed)
    }

    fn is_committed(&self) -> bool {
        self.committed.load(Relaxed)
    }

    fn chunks(&self) -> Option<Vec<Bytes>> {
        match &self.content {
            Content::Whole(whole) => {
                let chunks = || whole.chunks().filter(|chunk| !chunk.is_empty());
                whole.is_sound().then(|| chunks().cloned().collect())
            }
            Content::Live(live) => live.chunks(),
        }
    }
}
