//! Polls the source, and adds its chunks to the log.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_task::{ArcWake, waker_ref};

use super::{
    Broadcast, Channel,
    log::{Log, Next, Room, Source, Woken},
};

/// Result of a reader's poll.
pub(super) enum Progress<E> {
    Ready(Next<E>),
    Pending,
    /// The reader is ahead of others, who have this long to read on.
    Full(Duration),
}

/// The end of a source. Dropping it tells the readers, also if the channel panics when it is told.
struct Ending<'a, C: Channel> {
    broadcast: &'a Arc<Broadcast<C>>,
    end: Option<C::End>,
    /// True if another account holds the chunks.
    kept: bool,
}

/// A source taken out of its log. If it is lost in a panic, the log has failed.
struct Carried<'a, C: Channel> {
    broadcast: &'a Arc<Broadcast<C>>,
    source: Option<C::Source>,
}

// === impl Broadcast ===

impl<C: Channel> Broadcast<C> {
    /// Returns the next chunk for the reader in `place`.
    pub(super) fn poll(self: &Arc<Self>, place: usize, cx: &Context<'_>) -> Progress<C::End> {
        let channel = &self.channel;
        loop {
            let mut log = self.log.lock();
            if let Some(next) = log.next(place) {
                let relieved = log.relieved(self.limit());
                log.book(channel);
                drop(log);
                // Most often there is none, and a reader asks for every chunk.
                if let Some(relieved) = relieved {
                    relieved.into_iter().for_each(Waker::wake);
                }
                return Progress::Ready(next);
            }
            let room = log.room(self.limit(), channel.patience());
            log.book(channel);
            if let Room::Wait(time) = room {
                log.wait(place, cx.waker());
                return Progress::Full(time);
            }
            // A pump reads by itself.
            let source = (!log.pumped).then(|| log.take_source()).flatten();
            let Some(source) = source else {
                log.wait(place, cx.waker());
                return Progress::Pending;
            };
            drop(log);
            if self.carry(source, Some(place), cx).is_pending() {
                return Progress::Pending;
            }
        }
    }

    /// Polls the source for the reader in `place`, or for the pump, and adds its chunks to the
    /// log.
    pub(super) fn carry(
        self: &Arc<Self>,
        source: C::Source,
        place: Option<usize>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let waker = waker_ref(self);
        let mut carried = Carried {
            broadcast: self,
            source: Some(source),
        };
        let source = carried.source.as_mut().expect("put there just now");
        let Poll::Ready((chunk, end)) = C::poll(source, &mut Context::from_waker(&waker)) else {
            carried.give_back(|log| {
                match place {
                    Some(place) => log.wait(place, cx.waker()),
                    None => log.pump = Some(cx.waker().clone()),
                }
                match log.woken {
                    true => log.carriers(),
                    false => Woken::new(),
                }
            });
            return Poll::Pending;
        };
        if !chunk.is_empty() || end.is_none() {
            carried.append(chunk);
        }
        match end {
            Some(end) => carried.end(end),
            None => carried.give_back(Log::waiting),
        }
        Poll::Ready(())
    }

    /// Notes the end. The whole broadcast is stored before late readers can no longer join, so it
    /// is never in neither place.
    fn finish(self: &Arc<Self>, end: C::End) {
        let whole = {
            let log = self.log.lock();
            log.is_whole(&end).then_some(log.held)
        };
        let mut ending = Ending {
            broadcast: self,
            end: Some(end),
            kept: false,
        };
        if let Some(end) = &ending.end {
            ending.kept = C::ended(self, end, whole);
        }
    }
}

impl<C: Channel> ArcWake for Broadcast<C> {
    fn wake_by_ref(broadcast: &Arc<Self>) {
        let waiting = {
            let mut log = broadcast.log.lock();
            log.woken = true;
            match log.source {
                Source::Here(_) => log.carriers(),
                // The reader that polls the source checks again when it is done.
                Source::Carried | Source::Over => return,
            }
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

// === impl Ending ===

impl<C: Channel> Drop for Ending<'_, C> {
    fn drop(&mut self) {
        let Broadcast { channel, log } = &**self.broadcast;
        let waiting = {
            let mut log = log.lock();
            log.source = Source::Over;
            log.end = self.end.take();
            if self.kept {
                log.unbook(channel);
            }
            log.waiting()
        };
        channel.closed();
        waiting.into_iter().for_each(Waker::wake);
    }
}

// === impl Carried ===

impl<C: Channel> Carried<'_, C> {
    /// Puts the source back, and wakes the wakers that `woken` takes.
    fn give_back(mut self, woken: impl FnOnce(&mut Log<C>) -> Woken) {
        let Some(source) = self.source.take() else {
            return;
        };
        let mut log = self.broadcast.log.lock();
        log.source = Source::Here(source);
        let woken = woken(&mut log);
        drop(log);
        woken.into_iter().for_each(Waker::wake);
    }

    fn append(&self, chunk: Bytes) {
        let Broadcast { channel, log } = &**self.broadcast;
        let closed = {
            let mut log = log.lock();
            let was_open = log.open;
            log.push(chunk);
            log.book(channel);
            log.close_from(self.broadcast.limit());
            log.book(channel);
            // The source may have more: the reader of this chunk polls it again.
            log.woken = true;
            was_open && !log.open
        };
        if closed {
            channel.closed();
        }
    }

    fn end(mut self, end: C::End) {
        let source = self.source.take();
        self.broadcast.finish(end);
        drop(source);
    }
}

impl<C: Channel> Drop for Carried<'_, C> {
    fn drop(&mut self) {
        if self.source.is_some() {
            self.broadcast.finish(C::lost());
        }
    }
}
