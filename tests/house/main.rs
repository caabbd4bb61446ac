//! The structure of the workspace: what crates and files may hold.

mod facts;
mod sources;
