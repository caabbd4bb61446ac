//! Writes and removals.

use std::{sync::Arc, time::Duration};

use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, path::Path};
use scrimp_cache::{Entry, FillToken, PutOutcome, Variants};
use scrimp_core::{BoxError, Key};
use tokio::time::Instant;

use super::{Inner, useful_for};
use crate::{clock::UPLOAD, object::Object};

/// Number of times that a write is tried when other processes write the same object meanwhile.
const ATTEMPTS: usize = 5;

/// Outcome of a conditional write.
enum Written {
    Yes,
    /// Another object is there than was read.
    Changed,
    /// The object store has no conditions, and one that was not read may be there.
    Unread,
}

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
        let _turn = self.lock(key.as_ref()).lock().await;
        let own = token.fence().map_or(0, |fence| fence.0);
        let alone = Variants::default().with(entry);
        // Most keys have no object yet.
        let mut create = PutMode::Create;
        let (mut mode, mut all, mut fence, mut rest) = (create.clone(), alone.clone(), own, life);
        for _ in 0..ATTEMPTS {
            if !token.allows(entry) {
                return Ok(self.superseded());
            }
            match self.send(key, &name, &all, (rest, fence), mode).await? {
                Some(Written::Yes) => return Ok(PutOutcome::Stored),
                Some(Written::Changed) => {}
                // The lock of this process is the only condition.
                Some(Written::Unread) => create = PutMode::Overwrite,
                None => return Ok(PutOutcome::Rejected),
            }
            (mode, all, fence, rest) = (create.clone(), alone.clone(), own, life);
            if let Some(found) = self.read(key, &name).await? {
                let present = found.variants.unwrap_or_default();
                if own < found.fence && own != 0 || present.outdates(entry, token) {
                    return Ok(self.superseded());
                }
                mode = PutMode::Update(found.version);
                fence = own.max(found.fence);
                all = useful(&present).with(entry);
                if all.iter().nth(1).is_some() {
                    rest = life.max(found.rest);
                }
            }
        }
        // Others are storing it again and again.
        Ok(PutOutcome::Rejected)
    }

    fn superseded(&self) -> PutOutcome {
        self.counts.superseded.increment();
        PutOutcome::Superseded
    }

    /// Writes an object on a condition. `None` if it is too large, or took too long.
    async fn send(
        &self,
        key: &Key,
        name: &Path,
        variants: &Variants,
        (life, fence): (Duration, u64),
        mode: PutMode,
    ) -> Result<Option<Written>, BoxError> {
        let start = Instant::now();
        let is_new = matches!(mode, PutMode::Create);
        let object = Object {
            life,
            fence,
            variants: self.codec.encode(key.as_ref(), variants)?,
        };
        let bytes = object.encode();
        if bytes.len() as u64 > self.largest() {
            return Ok(None);
        }
        let put = |mode: PutMode| {
            let options = PutOptions::from(mode);
            self.objects.put_opts(name, bytes.clone().into(), options)
        };
        let written = match put(mode).await {
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) if is_new => {
                return Ok(Some(Written::Unread));
            }
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                // It was read under the lock of this process.
                put(PutMode::Overwrite).await
            }
            result => result,
        };
        match written {
            Ok(_) if start.elapsed() > UPLOAD => {
                // The object store may count its age from the end of the upload.
                self.delete(name).await?;
                Ok(None)
            }
            Ok(_) => Ok(Some(Written::Yes)),
            Err(
                Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. },
            ) => Ok(Some(Written::Changed)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn remove(
        &self,
        key: &Key,
        which: Option<&Arc<Entry>>,
    ) -> Result<(), BoxError> {
        let name = self.name(key.as_ref());
        let _turn = self.lock(key.as_ref()).lock().await;
        let Some(which) = which else {
            return self.delete(&name).await;
        };
        for _ in 0..ATTEMPTS {
            let Some(found) = self.read(key, &name).await? else {
                return Ok(());
            };
            let Some(variants) = found.variants else {
                return Ok(());
            };
            match variants.without(which) {
                None => return self.delete(&name).await,
                Some(rest) if rest.iter().count() == variants.iter().count() => return Ok(()),
                Some(left) => {
                    let head = (found.rest, found.fence);
                    let mode = PutMode::Update(found.version);
                    match self.send(key, &name, &left, head, mode).await? {
                        Some(Written::Changed) => {}
                        _ => return Ok(()),
                    }
                }
            }
        }
        Ok(())
    }

    async fn delete(&self, name: &Path) -> Result<(), BoxError> {
        match self.objects.delete(name).await {
            Err(Error::NotFound { .. }) => Ok(()),
            result => Ok(result?),
        }
    }
}

/// Returns the variants that are still of use: an object is as young as its last variant, so that others
/// would be written again for as long as new ones come.
fn useful(present: &Variants) -> Variants {
    let useful = present
        .iter()
        .filter(|entry| !useful_for(entry, Instant::now()).is_zero());
    useful.cloned().collect()
}
