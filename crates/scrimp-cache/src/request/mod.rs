//! The request from the cache's side: its key, its target, and the rule that matches it.

mod caller;
pub(crate) mod key;
mod search;
mod view;

pub(crate) use key::keys_of;
pub(crate) use search::{IS_HEARD, Variances};
pub(crate) use view::{LookupRequest, RequestView, Shown, asks_for_tags, head_of};
