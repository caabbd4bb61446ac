//! The tenant of a request.

use std::{collections::HashMap, sync::Arc};

use axum::extract::Request;
use http::{HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION};
use scrimp_core::{Problem, extensions::Tenant};
use sha2::{Digest, Sha256};

use crate::{config::Tenants, token::bearer};

/// Longest name that a proxy in front may give.
const LONGEST_NAME: usize = 256;

/// Finds the tenant of a request, by its key or its name.
pub(super) struct Finder {
    header: HeaderName,
    by: By,
    required: bool,
    pass_on: bool,
}

enum By {
    Nothing,
    /// Digests of keys: a look-up takes the same time for all keys that are not there.
    Key(HashMap<[u8; 32], Arc<str>>),
    Name,
}

// === impl Finder ===

impl Finder {
    pub(super) fn new(tenants: &Tenants) -> Self {
        let (header, by) = match &tenants.name_header {
            Some(header) => (header.clone(), By::Name),
            None if tenants.all.is_empty() => (tenants.header.clone(), By::Nothing),
            None => {
                let digest = |key: &str| Sha256::digest(key.as_bytes()).into();
                let all = tenants.all.iter();
                let all = all.map(|it| (digest(it.key.reveal()), it.name.as_str().into()));
                (tenants.header.clone(), By::Key(all.collect()))
            }
        };
        Self {
            header,
            by,
            required: tenants.required,
            pass_on: tenants.pass_on,
        }
    }

    /// Puts the tenant into the request's extensions.
    pub(super) fn settle(&self, request: &mut Request) -> Result<(), Problem> {
        if let By::Nothing = self.by {
            return Ok(());
        }
        let mut values = request.headers().get_all(&self.header).iter();
        let value = match (values.next(), values.next()) {
            (value, None) => value.cloned(),
            // Two keys would be one tenant here, and another one behind.
            _ => return Err(refusal("has more than one key")),
        };
        let found = value.as_ref().and_then(|value| self.find(value));
        match found {
            Some(name) => {
                if !self.pass_on {
                    request.headers_mut().remove(&self.header);
                }
                request.extensions_mut().insert(Tenant(name));
                Ok(())
            }
            None if self.required => Err(refusal("has no key that is known")),
            None => Ok(()),
        }
    }

    fn find(&self, value: &HeaderValue) -> Option<Arc<str>> {
        match &self.by {
            By::Nothing => None,
            By::Name => {
                let name = value.to_str().ok()?;
                (!name.is_empty() && name.len() <= LONGEST_NAME).then(|| name.into())
            }
            By::Key(keys) => {
                let key = match self.header == AUTHORIZATION {
                    true => bearer(value)?,
                    false => value.as_bytes(),
                };
                let digest: [u8; 32] = Sha256::digest(key).into();
                keys.get(&digest).cloned()
            }
        }
    }
}

fn refusal(why: &str) -> Problem {
    let problem = Problem::new("serve", "tenant", StatusCode::UNAUTHORIZED);
    problem.detail(format!("the request {why}"))
}
