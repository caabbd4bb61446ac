//! An answer that many read: its head, and its body in one of two forms.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_STATUS, VARY},
    response::Parts,
};
use scrimp_core::extensions::{Charge, SharedAnswer};
use scrimp_http::vary;

use crate::{
    answer::Arrived,
    call::{Answer, Exchange},
    flight::Flight,
    live::Live,
    reader::Reader,
    whole::{Whole, WholeBody},
};

/// A head, and a body that is read by many.
pub(crate) struct Stream {
    pub(crate) head: Parts,
    /// The head's fields as those get them who joined.
    joined: OnceLock<HeaderMap>,
    /// The fields of the request it was made for, if Vary has to be compared with them.
    fields: Option<Box<HeaderMap>>,
    content: Content,
    keeper: AtomicBool,
    committed: AtomicBool,
}

#[expect(
    clippy::large_enum_variant,
    reason = "there is one for many callers, on the heap"
)]
enum Content {
    /// It was all there by the time of its head.
    Whole(Whole),
    /// It comes in, or has come in, behind its head.
    Live(Live),
}

/// One caller's view of the body.
pub(crate) enum Source {
    Whole(WholeBody),
    Live(Reader),
}

// === impl Stream ===

impl Stream {
    /// Of an answer that is all there.
    pub(crate) fn whole(mut answer: Answer) -> Option<Arc<Self>> {
        let whole = answer.begun.whole()?;
        let content = Content::Whole(whole);
        Some(Self::new(answer.head, answer.fields, content))
    }

    /// Of an answer whose body has yet to come, through the call that brought it.
    pub(crate) fn live(
        answer: Answer,
        call: std::pin::Pin<Box<dyn Exchange>>,
        window: Option<Duration>,
        flight: &Arc<Flight<Arrived>>,
    ) -> Arc<Self> {
        let content = Content::Live(Live::new(answer.begun, call, window, flight));
        Self::new(answer.head, answer.fields, content)
    }

    fn new(head: Parts, fields: Option<Box<HeaderMap>>, content: Content) -> Arc<Self> {
        Arc::new(Self {
            head,
            joined: OnceLock::new(),
            fields,
            content,
            keeper: AtomicBool::new(false),
            committed: AtomicBool::new(false),
        })
    }

    /// The body from its first byte; `None` if that has gone by.
    pub(crate) fn open(self: &Arc<Self>) -> Option<Source> {
        Some(match &self.content {
            Content::Whole(whole) => Source::Whole(WholeBody::new(whole.clone())),
            Content::Live(_) => Source::Live(Reader::new(self)?),
        })
    }

    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.content, Content::Whole(_))
    }

    pub(crate) fn as_live(&self) -> Option<&Live> {
        match &self.content {
            Content::Whole(_) => None,
            Content::Live(live) => Some(live),
        }
    }

    /// The head's fields with this member of Cache-Status: made once, and copied for each who
    /// joined, as a map that has to grow for a field is dear.
    pub(crate) fn joined(&self, status: &HeaderValue) -> HeaderMap {
        let label = || {
            let mut fields = self.head.headers.clone();
            fields.append(CACHE_STATUS, status.clone());
            fields
        };
        self.joined.get_or_init(label).clone()
    }

    /// What the call cost, if the upstream says so.
    pub(crate) fn charge(&self) -> Option<Charge> {
        self.head.extensions.get().copied()
    }

    /// Bytes that are held, roughly.
    pub(crate) fn weight(&self) -> usize {
        let fields = self.head.headers.iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + 32);
        let body = match &self.content {
            Content::Whole(whole) => whole.length(),
            Content::Live(live) => live.held(),
        };
        body + fields.sum::<usize>()
    }

    /// Whether it answers a request with these fields (RFC 9111 §4.1), by every byte of them.
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

impl SharedAnswer for Stream {
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
