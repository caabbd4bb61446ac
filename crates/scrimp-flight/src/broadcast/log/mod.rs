//! The chunks of a source, and the position of each reader.

mod room;

use std::{collections::VecDeque, task::Waker, time::Duration};

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::time::Instant;

pub(in crate::broadcast) use room::Room;

use super::{Channel, End, Stop};
use crate::budget::Booked;

/// A chunk, or the reason why there is none.
pub(in crate::broadcast) type Next<E> = Result<Bytes, Stop<E>>;

/// Wakers that have been taken, to be woken when no lock is held.
pub(in crate::broadcast) type Woken = SmallVec<[Waker; 2]>;

/// Place of the source.
pub(in crate::broadcast) enum Source<S> {
    Here(S),
    /// A reader polls it.
    Carried,
    /// It has ended, or was dropped because it had no reader.
    Over,
}

pub(in crate::broadcast) struct Log<C: Channel> {
    pub(in crate::broadcast) source: Source<C::Source>,
    /// True if there has been a wake since the last poll of the source.
    pub(in crate::broadcast) woken: bool,
    pub(in crate::broadcast) chunks: VecDeque<Bytes>,
    /// Number of chunks that were dropped.
    base: u64,
    /// Number of bytes held.
    pub(in crate::broadcast) held: usize,
    /// Number of those bytes that the budget accounts for.
    booked: Booked,
    /// True if another account holds them.
    kept: bool,
    pub(in crate::broadcast) end: Option<C::End>,
    pub(in crate::broadcast) open: bool,
    /// True while callers who waited for the broadcast have not all got their readers.
    pub(in crate::broadcast) awaited: bool,
    /// Time since which readers wait for room.
    full_since: Option<Instant>,
    /// True if a pump reads ahead.
    pub(in crate::broadcast) pumped: bool,
    /// Waker of the pump.
    pub(in crate::broadcast) pump: Option<Waker>,
    places: SmallVec<[Option<Place>; 1]>,
    free: SmallVec<[usize; 2]>,
}

/// Place of a reader.
struct Place {
    /// Index of the chunk that it reads next.
    at: u64,
    told_end: bool,
    waker: Option<Waker>,
    /// Time that others have waited for it so far.
    debt: Duration,
}

// === impl Log ===

impl<C: Channel> Log<C> {
    pub(in crate::broadcast) fn new(chunks: VecDeque<Bytes>, source: C::Source) -> Self {
        Self {
            source: Source::Here(source),
            // So far it was polled with another's waker.
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
            pumped: false,
            pump: None,
            places: SmallVec::new(),
            free: SmallVec::new(),
        }
    }

    /// Takes a place at the first byte. Returns `None` if that byte is no longer held.
    pub(in crate::broadcast) fn enter(&mut self) -> Option<usize> {
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

    pub(in crate::broadcast) fn leave(&mut self, place: usize) {
        self.places[place] = None;
        self.free.push(place);
    }

    pub(in crate::broadcast) fn readers(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Returns whether the log has no reader, expects none, and has not ended.
    pub(in crate::broadcast) fn is_abandoned(&self) -> bool {
        self.readers() == 0 && !self.awaited && self.end.is_none() && !self.pumped
    }

    /// Returns whether the source has ended soundly and all of it is held.
    pub(in crate::broadcast) fn is_complete(&self) -> bool {
        self.end.as_ref().is_some_and(|end| self.is_whole(end))
    }

    /// Returns whether all of it is held, if this is its end.
    pub(in crate::broadcast) fn is_whole(&self, end: &C::End) -> bool {
        self.base == 0 && end.is_sound()
    }

    /// Returns whether the reader has read everything, and knows the end or need not ask for it.
    pub(in crate::broadcast) fn is_over(&self, place: usize) -> bool {
        let Some(reader) = &self.places[place] else {
            return true;
        };
        let last = self.base + self.chunks.len() as u64;
        reader.told_end || reader.at >= last && self.end.as_ref().is_some_and(End::is_silent)
    }

    /// Returns the next item of the reader, if it is there.
    pub(in crate::broadcast) fn next(&mut self, place: usize) -> Option<Next<C::End>> {
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
            return Some(Ok(chunk));
        }
        let end = self.end.as_mut()?;
        let told = std::mem::replace(&mut reader.told_end, true) || end.is_silent();
        Some(Err(match told {
            true => Stop::Over,
            false => Stop::End(end.tell()),
        }))
    }

    /// Takes the source, if it may have something and no reader polls it.
    pub(in crate::broadcast) fn take_source(&mut self) -> Option<C::Source> {
        if !self.woken || !matches!(self.source, Source::Here(_)) {
            return None;
        }
        self.woken = false;
        match std::mem::replace(&mut self.source, Source::Carried) {
            Source::Here(source) => Some(source),
            Source::Carried | Source::Over => None,
        }
    }

    pub(in crate::broadcast) fn wait(&mut self, place: usize, waker: &Waker) {
        if let Some(reader) = &mut self.places[place] {
            match &mut reader.waker {
                Some(known) => known.clone_from(waker),
                empty => *empty = Some(waker.clone()),
            }
        }
    }

    /// Takes the wakers of all waiting readers.
    pub(in crate::broadcast) fn waiting(&mut self) -> Woken {
        let mut woken = Woken::new();
        for place in self.places.iter_mut().flatten() {
            if let Some(waker) = place.waker.take() {
                woken.push(waker);
            }
        }
        if let Some(waker) = self.pump.take() {
            woken.push(waker);
        }
        woken
    }

    /// Takes the wakers that may poll the source: the pump's, or else those of all waiting
    /// readers.
    pub(in crate::broadcast) fn carriers(&mut self) -> Woken {
        if !self.pumped {
            return self.waiting();
        }
        let mut woken = Woken::new();
        if let Some(waker) = self.pump.take() {
            woken.push(waker);
        }
        woken
    }

    /// Takes the pump's waker, if there is no reader any more.
    pub(in crate::broadcast) fn alone(&mut self) -> Option<Waker> {
        match self.readers() {
            0 => self.pump.take(),
            _ => None,
        }
    }

    /// Adds a chunk.
    pub(in crate::broadcast) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.held += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Books the bytes that the log holds now on the budget.
    pub(in crate::broadcast) fn book(&mut self, channel: &C) {
        let held = if self.kept { 0 } else { self.held };
        if let Some(budget) = channel.budget() {
            budget.book(&mut self.booked, held);
        }
    }

    /// Takes the log off the budget for good.
    pub(in crate::broadcast) fn unbook(&mut self, channel: &C) {
        self.kept = true;
        self.book(channel);
    }
}
