use super::*;

fn chain(key: Option<AuditKey>) -> Vec<u8> {
    let mut chain = Chain::behind(Anchor::START, key);
    let mut out = Vec::new();
    for kind in ["one", "two", "three"] {
        let mut body = Body {
            kind,
            target: Some("a \"quoted\" one \u{0}".into()),
            ..Body::default()
        };
        chain.append(&mut body, &mut out);
    }
    out
}

#[test]
fn a_line_is_read_as_it_is_written_and_fits_its_own_hash() {
    for key in [None, Some(AuditKey::new([7; 32]))] {
        let lines = chain(key.clone());
        let mut last = Hash::START;
        for (at, line) in lines.split(|byte| *byte == b'\n').take(3).enumerate() {
            let parsed = parse(line).expect("a record");
            assert_eq!((parsed.sequence, parsed.prev), (at as u64 + 1, last));
            assert!(is_genuine(&parsed, key.as_ref()));
            last = parsed.hash;
        }
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let key = AuditKey::new([7; 32]);
    let lines = chain(Some(key.clone()));
    let line = lines.split(|byte| *byte == b'\n').nth(1).expect("a line");
    for at in 0..line.len() {
        let mut changed = line.to_vec();
        changed[at] ^= 1;
        let passes = parse(&changed).is_some_and(|parsed| is_genuine(&parsed, Some(&key)));
        assert!(!passes, "byte {at}");
    }
}

#[test]
fn a_hash_needs_the_key_that_it_was_made_with() {
    let lines = chain(Some(AuditKey::new([7; 32])));
    let line = lines.split(|byte| *byte == b'\n').next().expect("a line");
    let parsed = parse(line).expect("a record");
    assert!(!is_genuine(&parsed, None));
    assert!(!is_genuine(&parsed, Some(&AuditKey::new([8; 32]))));
}

#[test]
fn a_key_is_read_from_hexadecimal_digits_alone() {
    let text = "0123456789abcdef".repeat(4);
    assert!(AuditKey::from_hex(&format!("{text}\n")).is_some());
    for other in ["", "0123", &"g".repeat(64), &"ä".repeat(32)] {
        assert!(AuditKey::from_hex(other).is_none(), "{other}");
    }
}
