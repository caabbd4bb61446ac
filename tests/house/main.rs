//! Structure of the workspace: rules for crates and files.

mod cycles;
mod facts;
mod patterns;
mod problems;
mod retired;
mod sources;
mod unique;
