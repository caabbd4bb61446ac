//! Removing the bytes of selected responses.

use futures_util::TryStreamExt;
use object_store::{Error, ObjectStoreExt, path::Path};
use scrimp_cache::{Erased, Erasure};
use scrimp_core::BoxError;

use super::Inner;
use crate::object::Object;

/// Length of the last part of a name: half a digest, in hexadecimal digits.
const DIGITS: usize = 32;

// === impl Inner ===

impl Inner {
    /// Deletes the objects with a response that an erasure selects, and those that cannot be read.
    pub(super) async fn erase(&self, erasure: &Erasure) -> Result<Erased, BoxError> {
        // A put that has asked its token before the invalidation holds its lock until its object is there.
        for lock in &self.locks {
            drop(lock.lock().await);
        }
        let prefix = Path::from(self.prefix.as_str());
        let mut objects = self.objects.list(Some(&prefix));
        let mut erased = Erased::default();
        while let Some(object) = objects.try_next().await? {
            if is_response(&object.location) {
                erased = erased
                    + self
                        .erase_one(&object.location, object.size, erasure)
                        .await?;
            }
        }
        self.codec.forget_unused();
        Ok(erased)
    }

    async fn erase_one(
        &self,
        name: &Path,
        size: u64,
        erasure: &Erasure,
    ) -> Result<Erased, BoxError> {
        let mut found = Erased::new(0, 1);
        if size <= self.largest() {
            let bytes = match self.objects.get(name).await {
                Ok(object) => object.bytes().await?,
                Err(Error::NotFound { .. }) => return Ok(Erased::default()),
                Err(error) => return Err(error.into()),
            };
            let object = Object::decode(bytes);
            match object.map(|object| self.codec.is_selected(&object.variants, erasure)) {
                Some(Ok(false)) => return Ok(Erased::default()),
                Some(Ok(true)) => found = Erased::new(1, 0),
                // It may be selected.
                Some(Err(_)) | None => {}
            }
        }
        match self.objects.delete(name).await {
            Ok(()) => Ok(found),
            // Another process was quicker.
            Err(Error::NotFound { .. }) => Ok(Erased::default()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reports whether an object has the name of a response, of whichever version.
fn is_response(name: &Path) -> bool {
    let last = name.filename().unwrap_or_default();
    last.len() == DIGITS && last.bytes().all(|byte| byte.is_ascii_hexdigit())
}
