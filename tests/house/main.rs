//! Structure of the workspace: rules for crates and files.

mod cycles;
mod events;
mod facts;
mod metrics;
mod pages;
mod patterns;
mod problems;
mod retired;
mod sources;
mod unique;
mod versions;
