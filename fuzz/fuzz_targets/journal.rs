//! The journal of invalidations.
//!
//! An even first byte: the rest is a journal. An odd one: records, each behind its length, which
//! follow a right beginning under right checksums; behind a NUL, invalidations to record.
#![no_main]

use http::Uri;
use libfuzzer_sys::fuzz_target;
use scrimp_cache::Invalidation;
use scrimp_fuzz::{
    cache::{OneEntry, layer},
    cost::{SMALL, within},
    fields::halves,
};

/// Opens a journal with these bytes, and returns what it holds then.
fn reopened(bytes: &[u8]) -> Vec<u8> {
    let (store, journal) = OneEntry::with_journal(bytes);
    layer(store).build().expect("good settings");
    journal.bytes()
}

/// Returns the records behind the first, which holds the log's number and position.
fn records(journal: &[u8]) -> Vec<&[u8]> {
    let (mut all, mut rest) = (Vec::new(), journal);
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (sum, behind) = behind.split_first_chunk::<4>().expect("a checksum");
        let (record, behind) = behind.split_at(length);
        assert_eq!(crc32fast::hash(record).to_le_bytes(), *sum);
        all.push(record);
        rest = behind;
    }
    assert!(rest.is_empty());
    let mut behind = all.split_off(1);
    // Their order is that of a hash table.
    behind.sort_unstable();
    behind
}

fn frame(record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(record.len()).expect("short").to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(record).to_le_bytes());
    out.extend_from_slice(record);
}

fn invalidation(line: &[u8]) -> Option<Invalidation> {
    let (kind, text) = line.split_first()?;
    let text = std::str::from_utf8(text).ok()?;
    Some(match kind % 8 {
        0 => Invalidation::tag(text),
        1 => Invalidation::version(text, u64::from(*kind)),
        2 => Invalidation::prefix(text),
        3 => Invalidation::glob(text),
        4 => Invalidation::uri(text.parse::<Uri>().ok()?),
        5 => Invalidation::authority(text),
        6 => Invalidation::uri_prefix(text.parse::<Uri>().ok()?),
        _ => Invalidation::everything().soft(),
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else {
        return;
    };
    if mode % 2 == 0 {
        let first = within(SMALL, || reopened(data));
        // Opening it once is enough to put it right.
        assert_eq!(records(&reopened(&first)), records(&first));
        return;
    }
    let (raw, lines) = halves(data);
    let mut bytes = reopened(&[]);
    let mut rest = raw;
    while let Some((&length, behind)) = rest.split_first() {
        let (record, behind) = behind.split_at(usize::from(length).min(behind.len()));
        frame(record, &mut bytes);
        rest = behind;
    }
    let first = within(SMALL, || reopened(&bytes));
    assert_eq!(records(&reopened(&first)), records(&first));

    // What was recorded is there after a restart, in any number of restarts.
    let (store, journal) = OneEntry::with_journal(&[]);
    let layer = layer(store).build().expect("good settings");
    let invalidator = layer.invalidator();
    for invalidation in lines.split(|&byte| byte == b'\n').filter_map(invalidation) {
        invalidator.invalidate(&invalidation);
    }
    let written = journal.bytes();
    let read = reopened(&written);
    assert_eq!(records(&reopened(&read)), records(&read));
    assert_eq!(records(&read).is_empty(), records(&written).is_empty());
});
