//! Sitemaps and their indexes, compressed or not.
#![no_main]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::cost::{SMALL, within};
use scrimp_warm::Targets;

/// Most targets of a list here.
const MOST: usize = 100;

/// Reads a sitemap. Returns its targets, and the sitemaps that it names.
fn read(sitemap: &[u8]) -> Option<(Targets, Vec<String>)> {
    let mut targets = Targets::new().max(MOST).expect("in its range");
    let further = targets.add_sitemap("fuzz", sitemap).ok()?;
    Some((targets, further))
}

fuzz_target!(|data: &[u8]| {
    let is_packed = data.starts_with(b"\x1f\x8b");
    let plain = match is_packed {
        // A few bytes may be many.
        true => read(data),
        false => within(SMALL, || read(data)),
    };
    if let Some((targets, further)) = &plain {
        assert!(targets.uris().len() <= MOST);
        assert!(
            targets.uris().is_empty() || further.is_empty(),
            "it is one or the other"
        );
        for uri in targets.uris() {
            assert!(uri.authority().is_some() && uri.scheme().is_some(), "{uri}");
        }
    }
    if is_packed {
        return;
    }
    // Compression makes no difference.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data).expect("in memory");
    let packed = read(&gzip.finish().expect("in memory"));
    let told = |read: Option<(Targets, Vec<String>)>| {
        read.map(|(targets, further)| (targets.uris().to_vec(), further))
    };
    assert_eq!(told(packed), told(plain));
});
