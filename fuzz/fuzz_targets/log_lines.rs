//! Lines of access logs, in all formats.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::cost::{SMALL, within};
use scrimp_replay::fuzzing::LogLine;

/// 9999-12-31, in microseconds since 1970.
const LAST: i64 = 253_402_207_200_000_000;

fuzz_target!(|data: &[u8]| {
    let lines = data.split(|&byte| byte == b'\n').take(8);
    for read in within(SMALL, || LogLine::read_all(lines.clone())) {
        let Ok(read) = read else {
            continue;
        };
        assert!((0..=LAST).contains(&read.time()), "{}", read.time());
        assert!((100..=999).contains(&read.status()), "{}", read.status());
        assert!(read.survives_sorting());
        let uri = read.request().uri();
        let authority = uri.authority().expect("a host");
        assert!(
            !authority.as_str().contains('@'),
            "credentials stay out of keys"
        );
        assert!(uri.path().starts_with('/'), "{uri}");
        // A request that was read is read again from the log that a server would write.
        let target = uri.path_and_query().expect("a path").as_str();
        let method = read.request().method();
        // A port that its scheme implies is left out.
        let scheme = match authority.port_u16() {
            Some(80) => "https",
            _ => "http",
        };
        let again = format!(
            "h - - [17/May/2015:10:05:03 +0000] \"{method} {scheme}://{authority}{target} HTTP/1.1\" {} 1",
            read.status()
        );
        if method != "CONNECT" {
            let again = LogLine::read(again.as_bytes()).expect("a line of the Common Log Format");
            assert_eq!(again.request().uri(), uri);
            assert_eq!(again.request().method(), method);
            assert_eq!(again.status(), read.status());
        }
    }
});
