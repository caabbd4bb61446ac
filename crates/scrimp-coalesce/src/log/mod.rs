//! The chunks of a body, and how far each of its readers has come.

mod room;

use std::{collections::VecDeque, task::Waker, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use scrimp_core::SharedError;
use tokio::time::Instant;

pub(crate) use room::Room;

use crate::{
    budget::Booked,
    carry::{Next, Stop},
    live::BoxBody,
};

/// How a body ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Clean,
    /// Rare, and large.
    Trailers(Box<HeaderMap>),
    Failed(SharedError),
}

/// Where the body is.
pub(crate) enum Source {
    Here(BoxBody),
    /// With the reader that polls it.
    Carried,
    /// It has ended, or nobody wanted it any more.
    Over,
}

pub(crate) struct Log {
    pub(crate) source: Source,
    /// There has been a wake since the body was polled last.
    pub(crate) woken: bool,
    pub(crate) chunks: VecDeque<Bytes>,
    /// Chunks that were forgotten.
    base: u64,
    /// Bytes of the chunks that are here.
    pub(crate) held: usize,
    /// How many of them the layer knows of.
    pub(crate) booked: Booked,
    /// The window has it on its own books.
    pub(crate) kept: bool,
    pub(crate) end: Option<End>,
    pub(crate) open: bool,
    /// Some who waited for the head have not got their reader yet.
    pub(crate) awaited: bool,
    /// Since when readers wait for room.
    full_since: Option<Instant>,
    places: Vec<Option<Place>>,
    free: Vec<usize>,
}

/// One reader.
struct Place {
    /// The chunk it reads next.
    at: u64,
    told_end: bool,
    waker: Option<Waker>,
    /// How long others have waited for it so far.
    debt: Duration,
}

// === impl End ===

impl End {
    pub(crate) fn trailers(trailers: Option<HeaderMap>) -> Self {
        Self::Trailers(Box::new(trailers.unwrap_or_default()))
    }
}

// === impl Log ===

impl Log {
    pub(crate) fn new(chunks: VecDeque<Bytes>, body: BoxBody) -> Self {
        Self {
            source: Source::Here(body),
            // It has been polled with another's waker so far.
            woken: true,
            held: chunks.iter().map(Bytes::len).sum(),
            chunks,
            booked: Booked::default(),
            kept: false,
            base: 0,
            end: None,
            open: true,
            awaited: true,
            full_since: None,
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(crate) fn enter(&mut self) -> Option<usize> {
        let cancelled = matches!(self.source, Source::Over) && self.end.is_none();
        if self.base > 0 || cancelled {
            return None;
        }
        let place = Some(Place {
            at: 0,
            told_end: false,
            waker: None,
            debt: Duration::ZERO,
        });
        Some(match self.free.pop() {
            Some(index) => {
                self.places[index] = place;
                index
            }
            None => {
                self.places.push(place);
                self.places.len() - 1
            }
        })
    }

    pub(crate) fn leave(&mut self, place: usize) {
        self.places[place] = None;
        self.free.push(place);
    }

    fn readers(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Nobody reads it, nobody is about to, and it is not over.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.readers() == 0 && !self.awaited && self.end.is_none()
    }

    /// All of it has come in, ended cleanly, and is here.
    pub(crate) fn is_complete(&self) -> bool {
        self.base == 0 && matches!(self.end, Some(End::Clean | End::Trailers(_)))
    }

    /// Whether the reader has read everything, and knows of the end or need not ask for it.
    pub(crate) fn is_over(&self, place: usize) -> bool {
        let Some(reader) = &self.places[place] else {
            return true;
        };
        let last = self.base + self.chunks.len() as u64;
        reader.told_end || reader.at >= last && matches!(self.end, Some(End::Clean))
    }

    /// What the reader gets without waiting.
    pub(crate) fn next(&mut self, place: usize) -> Option<Next> {
        let reader = self.places[place].as_mut()?;
        let Some(index) = reader.at.checked_sub(self.base) else {
            return Some(Err(Stop::CutOff));
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(chunk) = self.chunks.get(index) {
            let chunk = chunk.clone();
            reader.at += 1;
            if let (0, Some(since)) = (index, self.full_since) {
                reader.debt += since.elapsed();
            }
            self.forget_at_once();
            return Some(Ok(Frame::data(chunk)));
        }
        let end = self.end.as_ref()?;
        Some(match end {
            _ if std::mem::replace(&mut reader.told_end, true) => Err(Stop::End),
            End::Clean => Err(Stop::End),
            End::Trailers(map) => Ok(Frame::trailers((**map).clone())),
            End::Failed(error) => Err(Stop::Failed(error.clone())),
        })
    }

    /// The body, if it has something to say and nobody listens to it yet.
    pub(crate) fn take_body(&mut self) -> Option<BoxBody> {
        if !self.woken || !matches!(self.source, Source::Here(_)) {
            return None;
        }
        self.woken = false;
        match std::mem::replace(&mut self.source, Source::Carried) {
            Source::Here(body) => Some(body),
            Source::Carried | Source::Over => None,
        }
    }

    pub(crate) fn wait(&mut self, place: usize, waker: &Waker) {
        if let Some(reader) = &mut self.places[place] {
            match &mut reader.waker {
                Some(known) => known.clone_from(waker),
                empty => *empty = Some(waker.clone()),
            }
        }
    }

    /// The wakers of all that wait.
    pub(crate) fn waiting(&mut self) -> Vec<Waker> {
        let places = self.places.iter_mut().flatten();
        places.filter_map(|place| place.waker.take()).collect()
    }

    /// Adds a chunk.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.held += chunk.len();
            self.chunks.push_back(chunk);
        }
    }
}
