//! Removing the bytes of what is too old.
//!
//! Redis removes a key once the last of its variants is of no more use. Until then, those whose time was
//! over before are still there.

use std::{sync::LazyLock, time::Duration};

use redis::Value;
use scrimp_cache::Erased;
use scrimp_core::BoxError;

use super::{FOR_VALIDATION, FORMAT, Inner, erase::LIMIT};
use crate::client::Script;

static SWEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("sweep.lua")));

// === impl Inner ===

impl Inner {
    /// Removes the variants whose time is over, and those that were stored longer ago than `retention`.
    /// Keys of other formats are left to their expiry.
    pub(super) async fn sweep(&self, retention: Duration) -> Result<Erased, BoxError> {
        let own = format!("{}{FORMAT}.", self.family);
        let oldest = retention.saturating_add(FOR_VALIDATION).as_millis();
        let oldest = oldest.to_string();
        let mut removed = 0;
        for server in self.client.servers() {
            let mut cursor = b"0".to_vec();
            loop {
                let (next, keys) = self.scan(&server, &cursor).await?;
                for key in keys.iter().filter(|key| key.starts_with(own.as_bytes())) {
                    let ready = self.client.insist(key).within(LIMIT);
                    match SWEEP.run(ready, &[key], &[oldest.as_bytes()]).await {
                        Ok(Value::Int(count)) => removed += u64::try_from(count).unwrap_or(0),
                        // Something else has the key.
                        Ok(_) => {}
                        Err(failure) if failure.has_code("WRONGTYPE") => {}
                        Err(failure) => return Err(failure.into()),
                    }
                }
                if next == b"0" {
                    break;
                }
                cursor = next;
            }
        }
        Ok(Erased::new(removed, 0))
    }
}
