//! Encrypted values.

use super::{secrets::selected_by_secrets, *};

fn keys(id: u32) -> EncryptionKeys {
    EncryptionKeys::new(id, [id as u8; 32])
}

#[test]
fn encrypted_bytes_show_nothing_and_are_read_with_the_key_that_wrote_them() {
    let (plain, clock) = codec();
    let writer = plain.clone().encryption(keys(1));
    let (read, bytes) = selected_by_secrets(&writer, &clock);
    assert!(!bytes.escape_ascii().to_string().contains("shown"));
    let again = writer.encode(key().as_ref(), &read).expect("small");
    assert_ne!(again, bytes, "each has its own nonce");
    let decode = |codec: &Codec| codec.decode(key().as_ref(), &again).map(|_| ());
    assert_eq!(decode(&writer), Ok(()));
    let next = plain.clone().encryption(keys(2).also_read(1, [1; 32]));
    assert_eq!(decode(&next), Ok(()), "the former key is still read");
    for other in [
        keys(2),
        EncryptionKeys::new(1, [9; 32]),
        EncryptionKeys::new(7, [1; 32]),
    ] {
        let other = plain.clone().encryption(other);
        assert_eq!(decode(&other), Err(DecodeError::Unreadable));
    }
    assert_eq!(decode(&plain), Err(DecodeError::Unreadable));
    let open = plain.encode(key().as_ref(), &read).expect("small");
    let forged = writer.decode(key().as_ref(), &open).map(|_| ());
    assert_eq!(forged, Err(DecodeError::NotEncrypted));
}

#[test]
fn encrypted_bytes_that_were_changed_cut_or_exchanged_are_not_read() {
    let (plain, clock) = codec();
    let codec = plain.encryption(keys(1));
    let entry = Arc::new(some_entry(&clock));
    let bytes = codec.encode(key().as_ref(), &[entry].into_iter().collect());
    let bytes = bytes.expect("small");
    let other = KeyBuf::new().part(b"tenant").part(b"/other").to_key();
    let exchanged = codec.decode(other.as_ref(), &bytes).map(|_| ());
    assert_eq!(exchanged, Err(DecodeError::Unreadable));
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        assert!(
            codec.decode(key().as_ref(), &changed.into()).is_err(),
            "{at}"
        );
        assert!(
            codec.decode(key().as_ref(), &bytes.slice(..at)).is_err(),
            "{at}"
        );
    }
}
