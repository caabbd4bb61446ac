//! A shared response, with its body in one of two forms, and a shared error.

use std::{
    any::Any,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_STATUS, VARY},
    response::Parts,
};
use scrimp_core::{
    ShareError,
    extensions::{Charge, SharedAnswer},
};
use scrimp_flight::{Broadcast, single_flight::SharedResult};
use scrimp_http::vary;

use crate::{
    shared::body::SharedBody,
    shared::live::{LiveBody, LiveReader},
    shared::whole::{Whole, WholeBody},
};

/// The shareable result of a call.
#[derive(Clone)]
pub(crate) enum Load {
    Answer(Arc<Answer>),
    Error(Failure),
}

/// One caller's copy of a [`Load`].
pub(crate) type Copied = Result<(Arc<Answer>, SharedBody), Failure>;

/// The shared form of an error.
pub(crate) type Failure = Arc<dyn Any + Send + Sync>;

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
            Self::Error(error) => Err(Arc::clone(error)),
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
}

/// Converts the shared form of an error to the service's error type.
pub(crate) fn unshare<E: ShareError>(error: &Failure) -> Option<E> {
    error.downcast_ref::<E::Shared>().cloned().map(E::unshare)
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
    pub(crate) fn open(self: &Arc<Self>) -> Option<SharedBody> {
        Some(match &self.content {
            Content::Whole(whole) => SharedBody::Whole(WholeBody::new(whole.clone())),
            Content::Live(live) => SharedBody::Live(LiveReader::new(self, live)?),
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

    /// Returns the cost of the call, if the upstream reports it.
    pub(crate) fn charge(&self) -> Option<Charge> {
        self.head.extensions.get().copied()
    }

    /// Returns the number of bytes held, approximately.
    pub(crate) fn weight(&self) -> usize {
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
