//! The clock of the object store, by which the age of an object is measured.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Times of modification have whole seconds in some stores, so a difference of two may be too small by
/// this much. An age must not be too small.
const ROUNDING: Duration = Duration::from_secs(1);

/// Longest time of an upload. The time of modification may be that of its end, so an age that is
/// counted from it may be too small by this much. What took longer is deleted.
pub(crate) const UPLOAD: Duration = Duration::from_secs(1);

/// Time after which the clock is read again: the clocks of two machines run apart.
const RENEWED: Duration = Duration::from_secs(60 * 60);

/// Reads the clock of an object store: it writes an object, and asks for the time at which it did. The
/// clocks of this machine are not compared with those of others.
#[derive(Debug)]
pub(crate) struct ServerClock {
    name: Path,
    read: Mutex<Option<Reading>>,
    /// One task at a time reads it.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    server: SystemTime,
    at: Instant,
}

// === impl ServerClock ===

impl ServerClock {
    /// Returns a clock that is read by an object of this name, which is only its own.
    pub(crate) fn new(name: Path) -> Self {
        Self {
            name,
            read: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the time of the object store, which may be a little late.
    pub(crate) async fn now(
        &self,
        objects: &Arc<dyn ObjectStore>,
    ) -> object_store::Result<SystemTime> {
        if let Some(now) = self.known() {
            return Ok(now);
        }
        let _turn = self.reading.lock().await;
        if let Some(now) = self.known() {
            return Ok(now);
        }
        let at = Instant::now();
        objects.put(&self.name, Vec::new().into()).await?;
        let server = objects.head(&self.name).await?.last_modified.into();
        *self.read.lock() = Some(Reading { server, at });
        // The next reading replaces it, if it stays.
        let _ = objects.delete(&self.name).await;
        Ok(server + at.elapsed())
    }

    fn known(&self) -> Option<SystemTime> {
        let reading = (*self.read.lock())?;
        let passed = reading.at.elapsed();
        (passed < RENEWED).then(|| reading.server + passed)
    }
}

/// Returns how long ago an object was stored: at least as long as it really was.
pub(crate) fn age(now: SystemTime, modified: SystemTime) -> Duration {
    now.duration_since(modified).unwrap_or_default() + ROUNDING + UPLOAD
}
