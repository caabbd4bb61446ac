//! Writes and removals, each in one step of the server.

use std::{
    sync::{Arc, LazyLock, atomic::Ordering::Relaxed},
    time::Duration,
};

use redis::{Value, cmd};
use scrimp_cache::{Entry, FillToken, PutOutcome, Variants};
use scrimp_core::{BoxError, Key};

use super::{
    Inner, MAX_VARIANTS,
    record::{NAME, Name as Variant, Record},
};
use crate::client::{Failure, Script};

/// Longest time to write a response. No request waits for it.
const WRITE_LIMIT: Duration = Duration::from_secs(2);

static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("put.lua")));
static REMOVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("remove.lua")));

// === impl Inner ===

impl Inner {
    pub(super) async fn write(
        &self,
        key: &Key,
        entry: &Arc<Entry>,
        token: &FillToken,
        life: Duration,
    ) -> Result<PutOutcome, BoxError> {
        let name = self.name(key.as_ref());
        let Some(ready) = self.client.admit(&name.key) else {
            // The client counts it. It is no failure of this write.
            return Ok(PutOutcome::Rejected);
        };
        let bytes = self
            .codec
            .encode(key.as_ref(), &Variants::default().with(entry))?;
        let number = |number: u64| number.to_string().into_bytes();
        let sent = entry.sent().saturating_duration_since(self.start);
        let fence = token.fence().map_or(0, |fence| fence.0);
        let stamp = self.stamp();
        let arguments: [&[u8]; 8] = [
            &variant(entry),
            &bytes,
            &number(life.as_millis().try_into().unwrap_or(u64::MAX)),
            &number(fence),
            &self.writer,
            &number(sent.as_micros().try_into().unwrap_or(u64::MAX)),
            &stamp,
            &number(MAX_VARIANTS as u64),
        ];
        let ready = ready.within(WRITE_LIMIT);
        match PUT.run(ready, &[&name.key], &arguments).await {
            Ok(Value::Int(1)) => Ok(PutOutcome::Stored),
            Ok(_) => {
                self.counts.superseded.increment();
                Ok(PutOutcome::Superseded)
            }
            Err(failure) if failure.refuses_writes() => Ok(PutOutcome::Rejected),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Returns a number for a put, different from all others under the same key.
    fn stamp(&self) -> [u8; 8] {
        let writer = u64::from_be_bytes(self.writer);
        let put = self.puts.fetch_add(1, Relaxed);
        (writer ^ put.rotate_left(32)).to_be_bytes()
    }

    pub(super) async fn remove(
        self: &Arc<Self>,
        key: &Key,
        which: Option<&Arc<Entry>>,
    ) -> Result<(), Failure> {
        let name = self.name(key.as_ref());
        let ready = self.client.admit(&name.key).ok_or(Failure::Open)?;
        let Some(which) = which else {
            let mut command = cmd("DEL");
            command.arg(&name.key[..]);
            return ready.run(&name.key, command).await.map(drop);
        };
        let found = self.read(key, &name, ready).await?;
        for (record, entry) in found.into_iter().flat_map(|found| found.0) {
            // If it is the one that is meant, nothing is left without it.
            let alone = Variants::default().with(&entry);
            if alone.without(which).is_none() {
                self.delete(&name.key, record).await?;
            }
        }
        Ok(())
    }

    /// Deletes one variant, if it is still there.
    pub(super) async fn delete(&self, key: &[u8], record: Record) -> Result<(), Failure> {
        let ready = self.client.admit(key).ok_or(Failure::Open)?;
        let arguments: [&[u8]; 2] = [&record.name, &record.stamp];
        REMOVE.run(ready, &[key], &arguments).await?;
        Ok(())
    }
}

/// Returns the name of a variant.
fn variant(entry: &Entry) -> Variant {
    let mut name = Variant::default();
    name.copy_from_slice(&entry.selection().digest()[..NAME]);
    name
}
