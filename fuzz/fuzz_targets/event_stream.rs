//! The tap on answers as they pass, event streams and JSON alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_cost_route::{Tap, TokenClass, Usage};
use scrimp_fuzz::cost::{SMALL, within};

fn read(chunks: &[&[u8]]) -> Option<Usage> {
    let mut tap = Tap::new();
    chunks.iter().for_each(|chunk| tap.see(chunk));
    tap.usage()
}

fuzz_target!(|data: &[u8]| {
    let whole = within(SMALL, || read(&[data]));
    // Chunks may end anywhere.
    let bytes: Vec<_> = data.chunks(1).collect();
    assert_eq!(read(&bytes), whole);
    let cut = usize::from(data.first().copied().unwrap_or(0)).min(data.len());
    let (front, back) = data.split_at(cut);
    assert_eq!(read(&[front, b"", back]), whole);

    // Whatever an upstream sent before, an event of its own is read. Larger counts of earlier
    // events stay, and so does what could not be read of them.
    let event: &[u8] = b"\n\ndata: {\"usage\":{\"input_tokens\":7,\"output_tokens\":3}}\n\n";
    // Names are compared by their letters.
    let text: String = String::from_utf8_lossy(data)
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .collect();
    if !text.contains("billed")
        && let Some(after) = read(&[b": a stream\n\n", data, event])
    {
        assert!(after.completion() >= 3, "{after:?}");
        assert!(after.prompt() >= 7, "{after:?}");
    }
    if !["token", "count", "cost", "unit"]
        .iter()
        .any(|word| text.contains(word))
    {
        let after = read(&[b": a stream\n\n", data, event]).expect("the event says it");
        assert_eq!(after.tokens(TokenClass::Output), 3, "{after:?}");
        assert_eq!(after.tokens(TokenClass::Input), 7, "{after:?}");
    }

    // Comments between events change nothing.
    let events: Vec<_> = data.split(|&byte| byte == b'\n').collect();
    if events
        .iter()
        .all(|line| line.starts_with(b"data: {") && line.ends_with(b"}"))
    {
        let plain = [b"\n\n".as_slice(), &events.join(&b"\n\n"[..]), b"\n\n"].concat();
        let kept = [
            b"\n\n".as_slice(),
            &events.join(&b"\n\n: keep \"alive\"\n\n"[..]),
            b"\n\n",
        ];
        assert_eq!(read(&[&plain]), read(&[&kept.concat()]));
    }
});
