//! A log of a shop that does not exist.

mod session;
mod town;

use std::io::{self, Read};

use town::Town;

/// Makes up the access log of a shop, in Combined Log Format.
///
/// Products are visited by Zipf's law, in sessions that go from lists to products and on
/// to reviews and the cart; more by day than by night. Now and then a price is changed
/// (`PUT`), a link carries a campaign's tag, a product does not exist, or the upstream is
/// overloaded. The same settings make the same log.
///
/// Lines come from the iterator, or as bytes through [`Read`].
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
    /// What [`Read`] has yet to hand out of the last line.
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
    /// 100,000 requests over a day, for 2,000 products.
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

    /// Another seed makes another log of the same kind. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// How many lines. Default: 100,000.
    #[must_use]
    pub fn requests(mut self, requests: u64) -> Self {
        self.settings.requests = requests;
        self
    }

    /// How many products the shop has; at least one. Default: 2,000.
    #[must_use]
    pub fn products(mut self, products: u64) -> Self {
        self.settings.products = products.max(1);
        self
    }

    /// Over how many hours, about; at least one. Default: 24.
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
    fn the_same_seed_makes_the_same_log_and_another_another() {
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
    fn reading_gives_the_lines() {
        let mut text = String::new();
        SampleLog::new()
            .requests(50)
            .read_to_string(&mut text)
            .unwrap();
        let lines: Vec<_> = SampleLog::new().requests(50).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn the_log_is_in_order_and_takes_about_as_long_as_asked() {
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
