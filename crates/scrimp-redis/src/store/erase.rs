//! Removing the bytes of selected responses.
//!
//! The keys of each server are found by SCAN, a part at a time, and read one by one. What is stored while the
//! scan goes on was asked for after the invalidation, or is refused.

use std::time::Duration;

use bytes::Bytes;
use redis::{Value, cmd};
use scrimp_cache::{Erased, Erasure};
use scrimp_core::BoxError;

use super::{
    Inner,
    record::{HEAD, NAME, RECORD},
};
use crate::client::{Endpoint, Failure};

/// Keys that one command looks at.
const KEYS: usize = 512;

/// Time for one command, which no request waits for.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// Name of the field with the records of a hash.
const RECORDS: &[u8] = b"m";

// === impl Inner ===

impl Inner {
    /// Deletes the keys with a response that an erasure selects, and those that cannot be read.
    pub(super) async fn erase(&self, erasure: &Erasure) -> Result<Erased, BoxError> {
        // A write that has asked its token before the invalidation ends first.
        drop(self.writing.write().await);
        let mut erased = Erased::default();
        for server in self.client.servers() {
            let mut cursor = b"0".to_vec();
            loop {
                let (next, keys) = self.scan(&server, &cursor).await?;
                for key in keys {
                    erased = erased + self.erase_one(&key, erasure).await?;
                }
                if next == b"0" {
                    break;
                }
                cursor = next;
            }
        }
        self.codec.forget_unused();
        Ok(erased)
    }

    /// Returns some of the keys of a server that have the name of a response, and the next cursor.
    pub(super) async fn scan(
        &self,
        server: &Endpoint,
        cursor: &[u8],
    ) -> Result<(Vec<u8>, Vec<Vec<u8>>), BoxError> {
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(pattern(&self.family));
        command.arg("COUNT").arg(KEYS);
        let reply = self.client.send_to(server, command, LIMIT).await?;
        let Value::Array(parts) = reply else {
            return Err("an unknown reply to SCAN".into());
        };
        let mut parts = parts.into_iter();
        let (Some(Value::BulkString(next)), Some(Value::Array(keys))) =
            (parts.next(), parts.next())
        else {
            return Err("an unknown reply to SCAN".into());
        };
        let keys = keys.into_iter().filter_map(|key| match key {
            Value::BulkString(key) if is_response(&self.family, &key) => Some(key),
            _ => None,
        });
        Ok((next, keys.collect()))
    }

    async fn erase_one(&self, key: &[u8], erasure: &Erasure) -> Result<Erased, BoxError> {
        let found = match self.stored(key).await? {
            None => return Ok(Erased::default()),
            Some(stored) => {
                let mut found = Erased::default();
                for bytes in stored {
                    match self.codec.is_selected(&bytes, erasure) {
                        Ok(false) => {}
                        Ok(true) => found.responses = 1,
                        // It may be selected.
                        Err(_) => found.unreadable = 1,
                    }
                }
                found
            }
        };
        if found != Erased::default() {
            let mut command = cmd("DEL");
            command.arg(key);
            self.client
                .insist(key)
                .within(LIMIT)
                .run(key, command)
                .await?;
        }
        Ok(found)
    }

    /// Returns the bytes of all variants under a key of Redis. `None` if there is nothing.
    async fn stored(&self, key: &[u8]) -> Result<Option<Vec<Bytes>>, Failure> {
        let mut command = cmd("GET");
        command.arg(key);
        let reply = self
            .client
            .insist(key)
            .within(LIMIT)
            .run(key, command)
            .await;
        match reply {
            Ok(Value::Nil) => Ok(None),
            // The fence alone holds no response.
            Ok(Value::BulkString(value)) if value.len() == HEAD => Ok(None),
            Ok(Value::BulkString(value)) => {
                let bytes = Bytes::from(value);
                let start = bytes.len().min(HEAD + RECORD);
                Ok(Some(vec![bytes.slice(start..)]))
            }
            Ok(_) => Ok(Some(vec![Bytes::new()])),
            Err(failure) if failure.has_code("WRONGTYPE") => self.variants(key).await.map(Some),
            Err(failure) => Err(failure),
        }
    }

    async fn variants(&self, key: &[u8]) -> Result<Vec<Bytes>, Failure> {
        let mut command = cmd("HGETALL");
        command.arg(key);
        let reply = self
            .client
            .insist(key)
            .within(LIMIT)
            .run(key, command)
            .await;
        let pairs: Vec<(Value, Value)> = match reply {
            Ok(Value::Map(pairs)) => pairs,
            Ok(Value::Array(parts)) => {
                let (mut pairs, mut parts) = (Vec::new(), parts.into_iter());
                while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                    pairs.push((name, value));
                }
                pairs
            }
            // It is no response at all.
            Ok(_) => return Ok(vec![Bytes::new()]),
            Err(failure) if failure.has_code("WRONGTYPE") => return Ok(vec![Bytes::new()]),
            Err(failure) => return Err(failure),
        };
        let bodies = pairs
            .into_iter()
            .filter_map(|(name, value)| match (name, value) {
                (Value::BulkString(name), _) if name == RECORDS => None,
                (_, Value::BulkString(value)) => Some(Bytes::from(value)),
                _ => Some(Bytes::new()),
            });
        Ok(bodies.collect())
    }
}

/// Returns a pattern of the keys that begin with a text.
fn pattern(start: &str) -> String {
    let mut pattern = String::new();
    for sign in start.chars() {
        if matches!(sign, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(sign);
    }
    pattern.push('*');
    pattern
}

/// Reports whether a key is that of a response, of whichever version: the prefix, two numbers, and half a
/// digest.
fn is_response(family: &str, key: &[u8]) -> bool {
    let Some(rest) = key.strip_prefix(family.as_bytes()) else {
        return false;
    };
    let Some(colon) = rest.iter().position(|&byte| byte == b':') else {
        return false;
    };
    let (version, digest) = (&rest[..colon], &rest[colon + 1..]);
    let mut numbers = version.split(|&byte| byte == b'.');
    let is_number = |part: Option<&[u8]>| {
        part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
    };
    is_number(numbers.next())
        && is_number(numbers.next())
        && numbers.next().is_none()
        && digest.len() == 2 * NAME
        && digest.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_of_every_version_are_told_from_other_keys_of_the_prefix() {
        let digest = "0123456789abcdef".repeat(2);
        for (key, is_one) in [
            (format!("shop:2.7:{digest}"), true),
            (format!("shop:1.12:{digest}"), true),
            (format!("shops:2.7:{digest}"), false),
            (format!("shop:2.7.1:{digest}"), false),
            (format!("shop:log:{digest}"), false),
            (format!("shop:2.7:{digest}0"), false),
            ("shop:2.7:{tag}".to_owned(), false),
            ("shop".to_owned(), false),
        ] {
            assert_eq!(is_response("shop:", key.as_bytes()), is_one, "{key}");
        }
        assert_eq!(pattern("a*b:"), "a\\*b:*");
    }
}
