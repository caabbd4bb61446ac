//! Deleting what is too old.

use std::time::Duration;

use futures_util::{StreamExt, future};
use object_store::{Error, path::Path};
use scrimp_core::BoxError;

use super::Inner;
use crate::clock::age;

// === impl Inner ===

impl Inner {
    /// Deletes objects that are older than `max_age`, at most this many.
    pub(super) async fn sweep(
        &self,
        max_deleted: usize,
        max_age: Duration,
    ) -> Result<usize, BoxError> {
        let now = self.clock.now(&self.objects).await?;
        let prefix = Path::from(self.prefix.as_str());
        let old = self.objects.list(Some(&prefix)).filter_map(move |object| {
            future::ready(match object {
                Ok(object) if age(now, object.last_modified.into()) > max_age => {
                    Some(Ok(object.location))
                }
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            })
        });
        let old = old.take(max_deleted).boxed();
        let mut deletions = self.objects.delete_stream(old);
        let mut deleted = 0;
        while let Some(deletion) = deletions.next().await {
            match deletion {
                Ok(_) => deleted += 1,
                // Another process was quicker.
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(deleted)
    }
}
