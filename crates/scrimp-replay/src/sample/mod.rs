//! A log of a fictional shop.

mod session;
mod town;

use std::io::{self, Read};

use town::Town;

/// Generates the access log of a shop, in Combined Log Format.
///
/// The popularity of products follows Zipf's law. Sessions go from lists to products, to reviews
/// and the cart; more by day than by night. Some requests change a price (`PUT`), have a campaign
/// tag, ask for a missing product, or meet an overloaded upstream. The same settings give the same
/// log.
///
/// Lines are read from the iterator, or as bytes through [`Read`].
///
/// ```
/// use scrimp_replay::SampleLog;
///
/// let lines: Vec<String> = SampleLog::new().seed(7).requests(3).collect();
/// assert_eq!(lines.len(), 3);
/// assert!(lines[0].contains("/api/products"));
/// ```
#[derive(Debug)]
pub struct SampleLog {
    settings: Settings,
    town: Option<Town>,
    /// Part of the last line that [`Read`] has not returned yet.
    unread: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    seed: u64,
    requests: u64,
    products: u64,
    hours: u64,
}

// === impl SampleLog ===

impl Default for SampleLog {
    fn default() -> Self {
        Self::new()
    }
}

impl SampleLog {
    /// Makes a log of 100,000 requests over a day, for 2,000 products.
    #[must_use]
    pub fn new() -> Self {
        let settings = Settings {
            seed: 1,
            requests: 100_000,
            products: 2_000,
            hours: 24,
        };
        Self {
            settings,
            town: None,
            unread: Vec::new(),
        }
    }

    /// Sets the seed; another seed gives another log of the same kind. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Sets the number of lines. Default: 100,000.
    #[must_use]
    pub fn requests(mut self, requests: u64) -> Self {
        self.settings.requests = requests;
        self
    }

    /// Sets the number of products; at least one. Default: 2,000.
    #[must_use]
    pub fn products(mut self, products: u64) -> Self {
        self.settings.products = products.max(1);
        self
    }

    /// Sets the approximate number of hours; at least one. Default: 24.
    #[must_use]
    pub fn hours(mut self, hours: u64) -> Self {
        self.settings.hours = hours.max(1);
        self
    }
}

impl Iterator for SampleLog {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let settings = self.settings;
        self.town.get_or_insert_with(|| Town::new(settings)).next()
    }
}

impl Read for SampleLog {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.unread.len() < buffer.len() {
            let Some(line) = self.next() else { break };
            self.unread.extend_from_slice(line.as_bytes());
            self.unread.push(b'\n');
        }
        let count = self.unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.unread[..count]);
        self.unread.drain(..count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_log_and_another_seed_another() {
        let log = |seed| {
            SampleLog::new()
                .seed(seed)
                .requests(500)
                .collect::<Vec<_>>()
        };
        assert_eq!(log(3), log(3));
        assert_ne!(log(3), log(4));
    }

    #[test]
    fn reading_returns_the_lines() {
        let mut text = String::new();
        SampleLog::new()
            .requests(50)
            .read_to_string(&mut text)
            .unwrap();
        let lines: Vec<_> = SampleLog::new().requests(50).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn the_log_is_in_order_and_covers_about_the_given_hours() {
        let times: Vec<i64> = SampleLog::new()
            .requests(20_000)
            .hours(48)
            .map(|line| crate::line::parse(line.as_bytes()).unwrap().time)
            .collect();
        assert!(times.is_sorted());
        let hours = (times[times.len() - 1] - times[0]) / 3_600_000_000;
        assert!((40..56).contains(&hours), "{hours} h");
    }
}
