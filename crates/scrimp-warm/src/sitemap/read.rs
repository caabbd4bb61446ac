//! The reader of one sitemap.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use quick_xml::{
    Reader,
    events::{BytesRef, Event},
};

use super::SitemapError;
use crate::targets::MAX_URI;

/// Longest sitemap, uncompressed.
const MAX_BYTES: u64 = 50 << 20;
/// Most locations of a sitemap or an index.
const MAX_LOCATIONS: usize = 50_000;
/// Deepest nesting of elements: extensions have a few.
const MAX_DEPTH: usize = 64;
/// Priority of a location without one, in thousandths.
const USUAL_PRIORITY: u16 = 500;

/// The locations of a sitemap.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) is_index: bool,
    pub(super) locations: Vec<Location>,
    /// Locations beyond the highest number.
    pub(super) omitted: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) uri: String,
    /// In thousandths.
    pub(super) priority: u16,
}

/// Reads a sitemap, which may be compressed.
pub(super) fn read(name: &str, mut sitemap: impl BufRead) -> Result<Map, SitemapError> {
    let io = |error: io::Error| SitemapError::new(name, "cannot be read").because(error);
    let packed = sitemap.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    if packed {
        parse(name, MultiGzDecoder::new(sitemap))
    } else {
        parse(name, sitemap)
    }
}

fn parse(name: &str, text: impl Read) -> Result<Map, SitemapError> {
    let mut limited = BufReader::new(text.take(MAX_BYTES + 1));
    let mut parser = Parser::default();
    let parsed = parser.parse(&mut limited);
    if limited.get_ref().limit() == 0 {
        return Err(SitemapError::new(
            name,
            "is larger than 50 MiB, uncompressed",
        ));
    }
    match parsed {
        Ok(()) => Ok(parser.map),
        Err(Wrong::Xml(at, error)) => {
            let problem = format!("is not well-formed XML at byte {at}");
            Err(SitemapError::new(name, problem).because(*error))
        }
        Err(Wrong::Root(root)) => Err(SitemapError::new(
            name,
            format!("must begin with <urlset> or <sitemapindex>, not {root}"),
        )),
        Err(Wrong::Depth) => Err(SitemapError::new(name, "has elements nested too deeply")),
        Err(Wrong::Ended) => Err(SitemapError::new(name, "ends before its last element")),
    }
}

/// Reason why a text is not a sitemap.
enum Wrong {
    Xml(u64, Box<quick_xml::Error>),
    Root(String),
    Depth,
    Ended,
}

/// Names of the open elements, of which those of the sitemap count, and what they hold so far.
#[derive(Default)]
struct Parser {
    map: Map,
    /// Prefix of the names in the sitemap's namespace.
    prefix: String,
    depth: usize,
    /// The open element of a location, if it is one of the sitemap's.
    inside: bool,
    field: Option<Field>,
    text: String,
    uri: String,
    priority: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Loc,
    Priority,
}

// === impl Parser ===

impl Parser {
    fn parse(&mut self, text: &mut impl BufRead) -> Result<(), Wrong> {
        let mut reader = Reader::from_reader(text);
        reader.config_mut().expand_empty_elements = true;
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer);
            let event =
                event.map_err(|error| Wrong::Xml(reader.error_position(), Box::new(error)))?;
            match event {
                Event::Start(element) => self.open(element.name().as_ref())?,
                Event::End(_) => self.close(),
                Event::Text(text) => self.add(&text),
                Event::CData(text) => self.add(&text),
                Event::GeneralRef(entity) => self.add_entity(&entity),
                Event::Eof if self.depth > 0 => return Err(Wrong::Ended),
                Event::Eof if !self.has_root() => {
                    return Err(Wrong::Root("an empty text".to_owned()));
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn has_root(&self) -> bool {
        self.priority > 0
    }

    fn open(&mut self, name: &str) -> Result<(), Wrong> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Wrong::Depth);
        }
        if self.depth == 1 {
            return self.open_root(name);
        }
        // What has another prefix is an extension, such as `image:loc`.
        let local = name.strip_prefix(&*self.prefix);
        match (self.depth, local) {
            (2, Some("url")) if !self.map.is_index => self.begin(),
            (2, Some("sitemap")) if self.map.is_index => self.begin(),
            (3, Some("loc")) if self.inside => self.field = Some(Field::Loc),
            (3, Some("priority")) if self.inside => self.field = Some(Field::Priority),
            _ => {}
        }
        Ok(())
    }

    fn open_root(&mut self, name: &str) -> Result<(), Wrong> {
        let start = name.find(':').map_or(0, |colon| colon + 1);
        let (prefix, local) = name.split_at(start);
        self.map.is_index = match local {
            "urlset" => false,
            "sitemapindex" => true,
            _ => {
                let shown: String = name.chars().take(40).collect();
                return Err(Wrong::Root(format!("<{shown}>")));
            }
        };
        self.prefix = prefix.to_owned();
        self.priority = USUAL_PRIORITY;
        Ok(())
    }

    fn begin(&mut self) {
        self.inside = true;
        self.uri.clear();
        self.priority = USUAL_PRIORITY;
    }

    fn close(&mut self) {
        match (self.depth, self.field.take()) {
            (3, Some(Field::Loc)) if self.uri.is_empty() => {
                self.uri.push_str(self.text.trim());
            }
            (3, Some(Field::Priority)) => self.priority = thousandths(&self.text),
            // An element inside of one of the fields.
            (4.., field) => self.field = field,
            _ => {}
        }
        if self.depth == 3 {
            self.text.clear();
        }
        if self.depth == 2 && std::mem::take(&mut self.inside) && !self.uri.is_empty() {
            self.keep();
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn keep(&mut self) {
        if self.map.locations.len() >= MAX_LOCATIONS {
            self.map.omitted += 1;
            return;
        }
        self.map.locations.push(Location {
            uri: std::mem::take(&mut self.uri),
            priority: self.priority,
        });
    }

    fn add(&mut self, text: &str) {
        if self.field.is_some() && self.depth == 3 {
            // Longer ones are refused as URIs, which their first bytes tell.
            let room = (2 * MAX_URI).saturating_sub(self.text.len());
            let mut end = text.len().min(room);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            self.text.push_str(&text[..end]);
        }
    }

    /// Adds what a reference stands for. XML without a document type knows five names.
    fn add_entity(&mut self, entity: &BytesRef<'_>) {
        let mut letter = [0; 4];
        let known: &str = match &**entity {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            _ => match entity.resolve_char_ref() {
                Ok(Some(resolved)) => resolved.encode_utf8(&mut letter),
                // No URI has this byte: the location is refused.
                _ => "\u{0}",
            },
        };
        self.add(known);
    }
}

fn thousandths(text: &str) -> u16 {
    let priority = text.trim().parse::<f64>().ok();
    let priority = priority.filter(|priority| (0.0..=1.0).contains(priority));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within 0 and 1,000"
    )]
    priority.map_or(USUAL_PRIORITY, |priority| (priority * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const OPEN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
        xmlns:image=\"http://www.google.com/schemas/sitemap-image/1.1\">";

    fn map(text: &str) -> Result<Map, String> {
        read("s", text.as_bytes()).map_err(|error| error.to_string())
    }

    fn uris(text: &str) -> Vec<String> {
        let map = map(text).unwrap();
        map.locations.into_iter().map(|place| place.uri).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn locations_are_read_with_entities_cdata_comments_and_blanks() {
        let text = format!(
            "{OPEN}<!-- <url><loc>http://a/comment</loc></url> -->
            <url><loc>
                http://a/?x=1&amp;y=&#50;&#x33;&apos;&quot;
            </loc><lastmod>2026-01-01</lastmod></url>
            <url><loc><![CDATA[http://a/?x=1&y=2]]></loc></url>
            <url><loc>http://a/<!-- no -->1</loc></url>
            <url><image:image><image:loc>http://a/i.png</image:loc></image:image>
                <loc>http://a/2</loc><loc>http://a/second</loc></url>
            <url><loc/></url><url/><other><loc>http://a/other</loc></other>
            </urlset>"
        );
        assert_eq!(
            uris(&text),
            [
                "http://a/?x=1&y=23'\"",
                "http://a/?x=1&y=2",
                "http://a/1",
                "http://a/2",
            ]
        );
    }

    #[test]
    fn an_index_is_told_from_a_sitemap_with_any_prefix() {
        let index = map(
            "<s:sitemapindex xmlns:s=\"x\"><s:sitemap><s:loc>http://a/1.xml</s:loc></s:sitemap>\
             <s:url><s:loc>http://a/no</s:loc></s:url></s:sitemapindex>",
        )
        .unwrap();
        assert!(index.is_index);
        assert_eq!(index.locations.len(), 1);
        let plain = map("<urlset><url><loc>a</loc><priority> 0.8 </priority></url></urlset>");
        assert_eq!(plain.unwrap().locations[0].priority, 800);
    }

    #[test]
    fn an_entity_that_xml_does_not_know_makes_no_uri() {
        let text = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>\
            <urlset><url><loc>http://a/&b;</loc></url></urlset>";
        assert_eq!(uris(text), ["http://a/\u{0}"]);
    }

    #[test]
    fn what_is_not_a_sitemap_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "an empty text"),
            ("http://a/\n", "an empty text"),
            ("<html><body/></html>", "not <html>"),
            ("<urlset><url></urlset>", "not well-formed XML at byte"),
            ("<urlset><url><loc>http://a/</loc>", "ends before"),
        ] {
            let error = map(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let deep = format!("<urlset>{}", "<a>".repeat(100 * MAX_DEPTH));
        assert!(map(&deep).unwrap_err().contains("too deeply"));
    }

    #[test]
    fn gzip_is_read_and_a_bomb_is_not() {
        let text = format!("{OPEN}<url><loc>http://a/1</loc></url></urlset>");
        // Two members, as tools that append write them.
        let (one, two) = text.split_at(70);
        let packed = [gzip(one.as_bytes()), gzip(two.as_bytes())].concat();
        assert_eq!(read("s", &packed[..]).unwrap().locations.len(), 1);
        let bomb = gzip(&vec![b' '; 60 << 20]);
        assert!(bomb.len() < 1 << 20);
        let error = read("s", &bomb[..]).unwrap_err().to_string();
        assert!(error.contains("larger than 50 MiB"), "{error}");
        let error = read("s", &packed[..packed.len() - 9]).unwrap_err();
        assert!(
            error.to_string().contains("not well-formed") || error.to_string().contains("read")
        );
    }

    #[test]
    fn locations_beyond_the_limit_of_the_protocol_are_counted() {
        let mut text = OPEN.to_owned();
        for number in 0..MAX_LOCATIONS + 100 {
            text.push_str(&format!("<url><loc>http://a/{number}</loc></url>"));
        }
        text.push_str("</urlset>");
        let map = map(&text).unwrap();
        assert_eq!((map.locations.len(), map.omitted), (MAX_LOCATIONS, 100));
    }

    #[test]
    fn a_location_a_hundred_times_too_long_takes_bounded_memory() {
        let text = format!(
            "<urlset><url><loc>http://a/{}</loc></url></urlset>",
            "x".repeat(100 * MAX_URI)
        );
        assert!(uris(&text)[0].len() <= 2 * MAX_URI);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(pieces in proptest::collection::vec(proptest::sample::select(vec![
            "<urlset>", "</urlset>", "<url>", "</url>", "<loc>", "</loc>", "<loc/>", "&amp;", "&#x0;",
            "&#99999999;", "&x;", "<![CDATA[", "]]>", "<!--", "-->", "http://a/", "<x:loc>", "<", ">", "é",
            "<sitemapindex>", "<sitemap>", "<?xml", "?>", "<!DOCTYPE", "<priority>", "</priority>", "2",
        ]), 0..40)) {
            let _ = map(&pieces.concat());
        }
    }
}
