//! The structure of the workspace: what crates and files may hold.

mod cycles;
mod facts;
mod retired;
mod sources;
mod unique;
