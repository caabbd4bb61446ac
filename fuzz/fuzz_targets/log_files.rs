//! Whole logs, compressed or not, replayed.
#![no_main]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use scrimp_replay::{Input, Report, Settings, replay};

fn run(data: &[u8]) -> Option<Report> {
    let log = Input::Bytes("log".into(), data.to_vec());
    replay(vec![log], &Settings::new(), &mut ()).ok()
}

fuzz_target!(|data: &[u8]| {
    let report = run(data);
    let signs: [&[u8]; 4] = [b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"];
    let skipped = data.get(1..4) == Some(b"\x2a\x4d\x18");
    if skipped || signs.iter().any(|sign| data.starts_with(sign)) {
        return;
    }
    // Compression makes no difference.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data).expect("in memory");
    let packed = run(&gzip.finish().expect("in memory"));
    assert_eq!(packed.is_some(), report.is_some());
    if let (Some(packed), Some(report)) = (packed, report) {
        let reading = &report.reading;
        assert_eq!(packed.requests, report.requests);
        assert_eq!(packed.upstream_calls, report.upstream_calls);
        assert_eq!(
            reading.lines,
            report.requests + reading.bad_lines + reading.other_lines + reading.left_out
        );
        assert!(report.upstream_calls <= report.requests);
        assert!(report.hits() <= report.ceiling_hits);
        assert!(reading.bad_line_examples.len() <= 10);
    }
});
