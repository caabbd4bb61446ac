//! The behaviour that HTTP clients and upstreams see (RFC 9111, RFC 9211).

mod fields;
mod freshness;
mod methods;
mod misspelt;
mod ranges;
mod sharing;
mod unstored;
mod validation;
