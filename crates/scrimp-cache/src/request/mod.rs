//! The request from the cache's side: its key, its target, and the rule that matches it.

pub(crate) mod key;
mod search;
mod target;
mod view;

pub(crate) use search::Variances;
pub(crate) use target::Shown;
pub(crate) use view::{LookupRequest, RequestView, head_of, key_of};
