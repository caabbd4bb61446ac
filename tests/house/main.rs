//! Structure of the workspace: rules for crates and files.

mod cycles;
mod events;
mod facts;
mod links;
mod metrics;
mod pages;
mod patterns;
mod problems;
mod published;
mod retired;
mod sources;
mod unique;
mod versions;
mod words;
