//! Many small calls become one paid call, as a tower layer.

mod engine;
mod group;

pub use engine::Window;
pub use group::{Answers, ByIndex, Group, GroupError, GroupFuture, GroupLayer};
