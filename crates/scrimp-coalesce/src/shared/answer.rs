//! An answer that many get: its head, its body in one of two forms, and what else a call may
//! come to.

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

/// What is given to many.
#[derive(Clone)]
pub(crate) enum Load {
    Answer(Arc<Answer>),
    Error(Failure),
}

/// One caller's copy of it.
pub(crate) type Copied = Result<(Arc<Answer>, SharedBody), Failure>;

/// Some error's shared form.
pub(crate) type Failure = Arc<dyn Any + Send + Sync>;

/// A head, and a body that is read by many.
pub(crate) struct Answer {
    pub(crate) head: Parts,
    /// The head's fields as those get them who joined.
    joined: OnceLock<HeaderMap>,
    /// The fields of the request it was made for, if Vary has to be compared with them.
    fields: Option<Box<HeaderMap>>,
    content: Content,
    keeper: AtomicBool,
    committed: AtomicBool,
}

/// The body of an [`Answer`].
pub(crate) enum Content {
    /// It was all there by the time of its head.
    Whole(Whole),
    /// It comes in, or has come in, behind its head.
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

/// Returns the shared form of an error as one caller's own.
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

    /// Returns the body from its first byte. `None` if that has gone by.
    pub(crate) fn open(self: &Arc<Self>) -> Option<SharedBody> {
        Some(match &self.content {
            Content::Whole(whole) => SharedBody::Whole(WholeBody::new(whole.clone())),
            Content::Live(live) => SharedBody::Live(LiveReader::new(self, live)?),
        })
    }

    /// Returns the body that comes in behind its head, if it is one.
    pub(crate) fn live(&self) -> Option<&Arc<Broadcast<LiveBody>>> {
        match &self.content {
            Content::Whole(_) => None,
            Content::Live(live) => Some(live),
        }
    }

    /// Returns the head's fields with this member of Cache-Status: made once, and copied for
    /// each who joined, as a map that has to grow for a field is dear.
    pub(crate) fn joined(&self, status: &HeaderValue) -> HeaderMap {
        let label = || {
            let mut fields = self.head.headers.clone();
            fields.append(CACHE_STATUS, status.clone());
            fields
        };
        self.joined.get_or_init(label).clone()
    }

    /// Returns what the call cost, if the upstream says so.
    pub(crate) fn charge(&self) -> Option<Charge> {
        self.head.extensions.get().copied()
    }

    /// Returns the bytes that are held, roughly.
    pub(crate) fn weight(&self) -> usize {
        let fields = self.head.headers.iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + 32);
        let body = match &self.content {
            Content::Whole(whole) => whole.length(),
            Content::Live(live) => live.held(),
        };
        body + fields.sum::<usize>()
    }

    /// Returns whether it answers a request with these fields (RFC 9111 §4.1), by every byte of
    /// them.
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
