//! Sitemaps (<https://www.sitemaps.org/protocol.html>).

mod fetch;
mod read;

use std::{error::Error, fmt, io::BufRead};

use scrimp_core::BoxError;

pub use self::fetch::SitemapReport;
use crate::targets::Targets;

/// A sitemap cannot be used.
#[derive(Debug)]
pub struct SitemapError {
    name: String,
    problem: String,
    source: Option<BoxError>,
}

// === impl Targets ===

impl Targets {
    /// Adds the URIs of a sitemap, plain or in gzip, with those of the highest `priority` first. Returns the
    /// locations of further sitemaps, if it is an index.
    ///
    /// As the protocol says, a sitemap has at most 50,000 URIs and 50 MiB, uncompressed. Further URIs are
    /// counted as skipped. `name` is for errors.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is too large, or is neither a sitemap nor an index.
    pub fn add_sitemap(
        &mut self,
        name: &str,
        sitemap: impl BufRead,
    ) -> Result<Vec<String>, SitemapError> {
        let mut map = read::read(name, sitemap)?;
        self.count_over_limit(map.omitted);
        if map.is_index {
            return Ok(map.locations.into_iter().map(|place| place.uri).collect());
        }
        // A stable sort: those of equal priority stay in their order.
        map.locations
            .sort_by_key(|place| std::cmp::Reverse(place.priority));
        for place in map.locations {
            self.add(&place.uri);
        }
        Ok(Vec::new())
    }
}

// === impl SitemapError ===

impl SitemapError {
    fn new(name: &str, problem: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            problem: problem.into(),
            source: None,
        }
    }

    fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for SitemapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the sitemap {} {}", self.name, self.problem)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for SitemapError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
