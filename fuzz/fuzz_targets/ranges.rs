//! Byte ranges.
#![no_main]

use http::header;
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::fields::lines;
use scrimp_http::{
    byteranges::Framing,
    range::{MAX_RANGES, Ranges, ranges, slice},
};

fuzz_target!(|data: &[u8]| {
    let (length, text) = data.split_first().unwrap_or((&0, &[]));
    let length = match length {
        255 => u64::MAX,
        length => u64::from(*length),
    };
    let text = [b"bytes=", text].concat();
    if let Ranges::Parts(mut parts) = ranges(&lines(&header::RANGE, &text), length) {
        assert!((1..=MAX_RANGES).contains(&parts.len()));
        let framing = Framing::new(length, None);
        let mut announced = framing.length(&parts);
        if let Some(body) = (length < 255).then(|| bytes::Bytes::from(vec![0; length as usize])) {
            for &part in &parts {
                announced -= (framing.head(part).len() + slice(&body, part).len()) as u64;
            }
            assert_eq!(announced, framing.end().len() as u64);
        }
        parts.sort_unstable();
        assert!(parts.iter().all(|(from, to)| from < to && *to <= length));
        assert!(parts.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    }
});
