//! Decisions, as plain functions and plain state.

mod backoff;
mod due;
mod learned;

pub(crate) use self::{
    backoff::Backoff,
    due::{Calls, due_now},
    learned::Learned,
};
