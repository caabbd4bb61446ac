//! Look-ups.

use std::{sync::Arc, time::Duration};

use object_store::{Error, ObjectStoreExt, UpdateVersion, path::Path};
use scrimp_cache::{DecodeError, Variants};
use scrimp_core::{BoxError, Key};

use super::Inner;
use crate::{clock::age, object::Object};

/// Number of largest bodies that the variants of a response may have together.
const BODIES: u64 = 4;

/// Room for what an object holds beside bodies.
const BESIDE: u64 = 1 << 20;

/// An object that was read.
pub(super) struct Found {
    /// Its version, which tells it from one that takes its place.
    pub(super) version: UpdateVersion,
    /// Time for which it is still of use.
    pub(super) rest: Duration,
    pub(super) fence: u64,
    /// None if they cannot be used now.
    pub(super) variants: Option<Variants>,
    /// Flag that no process can use it.
    pub(super) useless: bool,
}

// === impl Inner ===

impl Inner {
    pub(super) async fn look(
        self: &Arc<Self>,
        key: &Key,
    ) -> Result<Option<Arc<Variants>>, BoxError> {
        let name = self.name(key.as_ref());
        let found = self.read(key, &name).await?;
        if let Some(Found {
            useless: true,
            version,
            ..
        }) = &found
        {
            self.delete_later(key, version.clone());
        }
        let variants = found.and_then(|found| found.variants);
        match variants {
            None => self.counts.missing.increment(),
            Some(_) => self.counts.found.increment(),
        }
        Ok(variants.map(Arc::new))
    }

    /// Reads the object of a key.
    pub(super) async fn read(&self, key: &Key, name: &Path) -> Result<Option<Found>, BoxError> {
        let result = match self.objects.get(name).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            result => result?,
        };
        let meta = result.meta.clone();
        let mut found = Found {
            version: UpdateVersion {
                e_tag: meta.e_tag,
                version: meta.version,
            },
            rest: Duration::ZERO,
            fence: 0,
            variants: None,
            useless: true,
        };
        if meta.size > self.largest() {
            return Ok(Some(found));
        }
        let Some(object) = Object::decode(result.bytes().await?) else {
            self.counts.damaged.increment();
            return Ok(Some(found));
        };
        // It grows older while it is read.
        let now = self.clock.now(&self.objects).await?;
        let age = age(now, meta.last_modified.into());
        found.rest = object.life.saturating_sub(age);
        found.fence = object.fence;
        if found.rest.is_zero() {
            return Ok(Some(found));
        }
        let decoded = self.codec.decode_after(key.as_ref(), &object.variants, age);
        found.useless = matches!(
            decoded,
            Err(DecodeError::Foreign
                | DecodeError::Corrupt
                | DecodeError::Damaged(_)
                | DecodeError::OtherKey)
        );
        match decoded {
            Ok(variants) => found.variants = Some(variants),
            Err(DecodeError::Outdated) => self.counts.outdated.increment(),
            Err(error) if found.useless => {
                tracing::warn!(%error, "an object is not a stored response");
                self.counts.damaged.increment();
            }
            // Other processes may be able to read it: they have other keys, or other settings.
            Err(error) => tracing::debug!(%error, "a stored response is not read"),
        }
        Ok(Some(found))
    }

    /// Returns the size of the largest object that is written or read.
    pub(super) fn largest(&self) -> u64 {
        self.max_body.saturating_mul(BODIES).saturating_add(BESIDE)
    }

    /// Deletes an object in the background, unless another has taken its place.
    fn delete_later(self: &Arc<Self>, key: &Key, version: UpdateVersion) {
        let Some(admitted) = self.admit(self.write_timeout) else {
            return;
        };
        let (inner, key) = (Arc::clone(self), key.clone());
        self.tasks.start("object.remove", async move {
            let deletion = inner.delete_version(&key, &version);
            let deleted = tokio::time::timeout(inner.write_timeout, deletion).await;
            // Another look-up finds it otherwise.
            let _ = admitted.end(deleted);
        });
    }

    async fn delete_version(&self, key: &Key, version: &UpdateVersion) -> Result<(), BoxError> {
        let name = self.name(key.as_ref());
        let _turn = self.lock(key.as_ref()).lock().await;
        match self.objects.head(&name).await {
            Ok(meta) if meta.e_tag == version.e_tag && meta.version == version.version => {
                Ok(self.objects.delete(&name).await?)
            }
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
