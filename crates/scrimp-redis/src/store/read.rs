//! Look-ups.
//!
//! One command reads a key with one variant, and one script a key with several. No command reads more
//! than [`PIECE`] bytes of responses: more of them are read in pieces, each within the time-out of a
//! command. So a look-up that takes long because of its size is no failure of the server, and commands
//! of others find their way between two pieces.

use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};
use redis::{Cmd, Value};
use scrimp_cache::{DecodeError, Entry, Variants};
use scrimp_core::Key;
use smallvec::SmallVec;

use super::{
    Inner, MAX_VARIANTS, Name,
    record::{self, HEAD, RECORD, Record},
};
use crate::client::{Failure, Ready, Script, Since};

/// Largest number of bytes that one command reads.
const PIECE: u64 = 128 << 10;

/// Last byte of the first piece, as a command says it.
const PIECE_END: &str = "131071";

/// Longest head of a variant beside its body. Longer ones are not read.
const MAX_HEAD: u64 = 1 << 20;

static VARIANTS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("variants.lua")));
static REST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("piece.lua")));

/// The variants found under a key, newest first.
pub(super) struct Found(pub(super) SmallVec<[(Record, Arc<Entry>); 1]>);

/// Variants with their bytes, or the beginnings of them, as the server has returned them.
type Stored = Vec<(Record, Bytes)>;

/// Answer to a look-up.
pub(super) enum Answer {
    Empty,
    One(Record, Bytes),
    /// Variants of a hash.
    Stored(Stored),
    /// Several variants: they are a hash.
    Several,
    /// Something else has the key.
    Foreign,
}

// === impl Found ===

impl Found {
    pub(super) fn variants(self) -> Arc<Variants> {
        Arc::new(self.0.into_iter().map(|(_, entry)| entry).collect())
    }
}

// === impl Inner ===

impl Inner {
    /// Reads the variants under a key.
    pub(super) async fn read(
        self: &Arc<Self>,
        key: &Key,
        name: &Name,
        mut ready: Ready,
    ) -> Result<Option<Found>, Failure> {
        let answer = match self.several.has(&name.digest) {
            false => self.read_one(name, &mut ready).await?,
            true => self.read_several(name, ready).await?,
        };
        self.found(key, name, answer).await
    }

    /// Decodes an answer, with what is missing of it.
    pub(super) async fn found(
        self: &Arc<Self>,
        key: &Key,
        name: &Name,
        mut answer: Answer,
    ) -> Result<Option<Found>, Failure> {
        if let Answer::Several = answer {
            answer = match self.client.admit(&name.key) {
                Some(ready) => self.read_several(name, ready).await?,
                None => Answer::Empty,
            };
        }
        let stored = match answer {
            Answer::Empty => Stored::new(),
            Answer::One(record, bytes) => vec![(record, bytes)],
            Answer::Stored(stored) => stored,
            Answer::Several | Answer::Foreign => {
                self.damaged(name, None, &DecodeError::Foreign);
                return Ok(None);
            }
        };
        let mut found = SmallVec::new();
        for (record, bytes) in stored {
            let Some(bytes) = self.whole(name, &record, bytes).await? else {
                continue;
            };
            if let Some(variants) = self.decode(key, name, record, &bytes) {
                found.extend(variants.iter().map(|entry| (record, Arc::clone(entry))));
            }
        }
        self.count(!found.is_empty());
        Ok(Some(Found(found)).filter(|found| !found.0.is_empty()))
    }

    pub(super) fn count(&self, found: bool) {
        match found {
            true => self.counts.found.increment(),
            false => self.counts.missing.increment(),
        }
    }

    /// Reads a key that has one variant, or none.
    pub(super) async fn read_one(&self, name: &Name, ready: &mut Ready) -> Result<Answer, Failure> {
        // Built once, without growing.
        let mut command = Cmd::with_capacity(4, name.key.len() + 32);
        command.arg("GETRANGE");
        command.arg(&name.key[..]).arg("0").arg(PIECE_END);
        Ok(match ready.send(&name.key, &mut command).await {
            Ok(Value::BulkString(bytes)) => one(bytes),
            Ok(Value::Nil) => Answer::Empty,
            Ok(_) => Answer::Foreign,
            Err(failure) if failure.has_code("WRONGTYPE") => Answer::Several,
            Err(failure) => return Err(failure),
        })
    }

    /// Reads a key that had several variants.
    async fn read_several(&self, name: &Name, ready: Ready) -> Result<Answer, Failure> {
        let piece = PIECE.to_string();
        let reply = VARIANTS.run(ready, &[&name.key], &[piece.as_bytes()]).await;
        let parts = match reply {
            Ok(Value::Array(parts)) => parts,
            Ok(_) => return Ok(Answer::Foreign),
            Err(failure) if failure.has_code("WRONGTYPE") => return Ok(Answer::Foreign),
            Err(failure) => return Err(failure),
        };
        let texts = parts.into_iter().filter_map(|part| match part {
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        });
        let mut texts: Vec<_> = texts.collect();
        self.several.note(&name.digest, texts.len() > 1);
        if texts.len() < 2 {
            return Ok(one(texts.pop().unwrap_or_default()));
        }
        let bytes = texts.split_off(1);
        let records = record::read(&texts[0]).take(MAX_VARIANTS);
        let stored = records.zip(bytes.into_iter().map(Bytes::from));
        Ok(Answer::Stored(stored.collect()))
    }

    /// Reads what is missing of a variant. `None` if it is no longer there, or too long to be read.
    async fn whole(
        &self,
        name: &Name,
        record: &Record,
        first: Bytes,
    ) -> Result<Option<Bytes>, Failure> {
        let mut at = first.len() as u64;
        if at >= record.length {
            return Ok(Some(first));
        }
        let most = self.max_body.saturating_add(MAX_HEAD);
        let Some(length) = usize::try_from(record.length)
            .ok()
            .filter(|_| record.length <= most)
        else {
            return Ok(None);
        };
        let mut whole = BytesMut::with_capacity(length);
        whole.extend_from_slice(&first);
        while at < record.length {
            let Some(ready) = self.client.admit(&name.key) else {
                return Ok(None);
            };
            let end = record.length.min(at + PIECE) - 1;
            let range = [at, end].map(|byte| byte.to_string());
            let arguments = [
                &record.name[..],
                &record.stamp,
                range[0].as_bytes(),
                range[1].as_bytes(),
            ];
            match REST.run(ready, &[&name.key], &arguments).await? {
                // It was cut off, as its checksum says.
                Value::BulkString(piece) if piece.is_empty() => break,
                Value::BulkString(piece) => whole.extend_from_slice(&piece),
                _ => return Ok(None),
            }
            at = whole.len() as u64;
        }
        Ok(Some(whole.freeze()))
    }

    /// Decodes a variant. A body that is not compressed is a slice of its bytes. `None` if there is none.
    pub(super) fn decode(
        self: &Arc<Self>,
        key: &Key,
        name: &Name,
        record: Record,
        bytes: &Bytes,
    ) -> Option<Variants> {
        let stored_for = match self.client.since(&name.key, record.stored) {
            Since::Time(time) => Some(time),
            Since::NoClock => None,
            // Its age is unknown. It expires, or the next put replaces it.
            Since::Ahead => return None,
        };
        let decoded = self
            .codec
            .decode_named(key.as_ref(), &name.digest, bytes, stored_for);
        match decoded {
            Ok(variants) => return Some(variants).filter(|found| found.iter().next().is_some()),
            // It may be of use again once the log is complete, and expires in any case.
            Err(DecodeError::Outdated) => self.counts.outdated.increment(),
            Err(
                error @ (DecodeError::Foreign
                | DecodeError::Corrupt
                | DecodeError::Damaged(_)
                | DecodeError::OtherKey),
            ) => self.damaged(name, Some(record), &error),
            // Other processes may be able to read it: they have other keys, or other settings.
            Err(error) => tracing::debug!(%error, "a stored response is not read"),
        }
        None
    }

    /// Counts what cannot be decoded, and removes it. What is no record at all stays until a response is
    /// stored in its place.
    fn damaged(self: &Arc<Self>, name: &Name, record: Option<Record>, error: &DecodeError) {
        tracing::warn!(%error, "a value in Redis is not a stored response");
        self.counts.damaged.increment();
        let place = Arc::clone(&self.removals).try_acquire_owned();
        if let (Some(record), Ok(place)) = (record, place) {
            let (inner, key) = (Arc::clone(self), name.key.clone());
            self.client.spawn("redis.remove", async move {
                // Another process may do it, or the next put.
                let _ = inner.delete(&key, record).await;
                drop(place);
            });
        }
    }
}

/// Reads the value of a key that has one variant, or none: its fence alone may be left.
fn one(value: Vec<u8>) -> Answer {
    let record = record::read(&value).next();
    match record {
        Some(record) => Answer::One(record, Bytes::from(value).slice(HEAD + RECORD..)),
        None if value.is_empty() || value.len() == HEAD => Answer::Empty,
        None => Answer::Foreign,
    }
}
