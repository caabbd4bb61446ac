//! Work beside the replay, on a thread of its own.

use std::{
    mem,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

use crate::error::{Error, Result};

/// Bytes of items that are sent together: a channel costs more than most items.
const CHUNK: usize = 64 << 10;
/// Chunks that may be in line. Then the replay waits.
const IN_LINE: usize = 256;

/// A thread that works on items in their order.
pub(crate) struct Beside<T, R> {
    sender: SyncSender<Vec<T>>,
    chunk: Vec<T>,
    bytes: usize,
    thread: JoinHandle<Result<R>>,
}

// === impl Beside ===

impl<T: Send + 'static, R: Send + 'static> Beside<T, R> {
    /// Starts a thread.
    ///
    /// # Errors
    ///
    /// If the system has no room for one.
    pub(crate) fn start(
        name: &str,
        work: impl FnOnce(&mut dyn Iterator<Item = T>) -> Result<R> + Send + 'static,
    ) -> Result<Self> {
        let (sender, receiver): (_, Receiver<Vec<T>>) = sync_channel(IN_LINE);
        let thread = Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || work(&mut receiver.into_iter().flatten()));
        Ok(Self {
            sender,
            chunk: Vec::new(),
            bytes: 0,
            thread: thread.map_err(|error| Error::io("cannot start a thread", error))?,
        })
    }

    /// Sends an item of this many bytes.
    pub(crate) fn send(&mut self, item: T, bytes: usize) {
        self.chunk.push(item);
        self.bytes += bytes + size_of::<T>();
        if self.bytes >= CHUNK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.bytes = 0;
        // A thread that has ended early has an error, which `finish` returns.
        let _ = self.sender.send(mem::take(&mut self.chunk));
    }

    /// Waits for the end of the work.
    pub(crate) fn finish(mut self) -> Result<R> {
        self.flush();
        drop(self.sender);
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_comes_once_and_in_order() {
        let mut beside = Beside::start("sum", |items| Ok(items.collect::<Vec<_>>())).unwrap();
        for number in 0..100_000 {
            beside.send(number, 100);
        }
        let all: Vec<i32> = (0..100_000).collect();
        assert!(beside.finish().unwrap() == all);
    }

    #[test]
    fn an_error_of_the_work_comes_at_its_end() {
        let mut beside = Beside::start("fail", |_: &mut dyn Iterator<Item = u64>| {
            Err::<(), _>(Error::new("no"))
        })
        .unwrap();
        for number in 0..100_000 {
            beside.send(number, 1_000);
        }
        assert_eq!(beside.finish().unwrap_err().to_string(), "no");
    }
}
