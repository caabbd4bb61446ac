//! A connection whose client must read.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::pace::{Pace, Patience};

use super::{
    alarm::Alarm,
    life::{Hold, Life},
};

/// Fails with `TimedOut` when the other end takes the bytes too slowly.
pub(crate) struct TimedIo<T> {
    io: T,
    life: Arc<Life>,
    patience: Patience,
    /// A response that the client has not taken is not the end of its request.
    blocked: Option<Hold>,
    alarm: Alarm,
}

// === impl TimedIo ===

impl<T> TimedIo<T> {
    pub(crate) fn new(io: T, life: Arc<Life>, pace: Pace) -> Self {
        Self {
            io,
            life,
            patience: pace.patience(),
            blocked: None,
            alarm: Alarm::default(),
        }
    }

    /// Starts or ends the wait for the client, as the result of a write says.
    fn watch<R>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<R>>,
        bytes: impl Fn(&R) -> usize,
    ) -> Poll<io::Result<R>> {
        match result {
            Poll::Ready(done) => {
                if self.blocked.take().is_some() || self.patience.deadline().is_some() {
                    let moved = done.as_ref().map_or(0, bytes);
                    self.patience.moved(Instant::now(), moved);
                }
                Poll::Ready(done)
            }
            Poll::Pending => {
                let deadline = self.patience.wait(Instant::now());
                if self.blocked.is_none() {
                    self.blocked = Some(self.life.hold());
                }
                ready!(self.alarm.poll(deadline, cx));
                let why = "the client did not read the response";
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.life.arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watch(cx, result, |written| *written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.watch(cx, result, |written| *written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(cx) {
            // Nothing is known of bytes, so a wait that a write has begun goes on.
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => self.watch(cx, Poll::Pending, |()| 0),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_shutdown(cx);
        self.watch(cx, result, |()| 0)
    }
}
