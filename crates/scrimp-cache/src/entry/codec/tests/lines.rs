//! Many lines of one name.

use super::*;

#[test]
fn more_lines_than_a_map_has_room_for_names_are_read_back() {
    let (codec, clock) = codec();
    let mut many = HeaderMap::new();
    for _ in 0..30_000 {
        many.append("x-a", HeaderValue::from_static("1"));
    }
    let mut entry = some_entry(&clock);
    entry.headers = StoredFields::new(&many, None);
    entry.extras = crate::entry::Extras {
        trailers: Some(many.clone()),
        pieces: None,
        extensions: None,
        upstream_status: None,
    }
    .boxed();
    let written: Variants = [Arc::new(entry)].into_iter().collect();
    let bytes = codec.encode(key().as_ref(), &written).expect("small");
    let read = codec.decode(key().as_ref(), &bytes).expect("whole");
    let read = read.iter().next().expect("one response");
    let number = |fields: &HeaderMap| fields.get_all("x-a").iter().count();
    assert_eq!(number(&read.headers()), 30_000);
    assert_eq!(read.trailers().map(number), Some(30_000));
}

#[test]
fn more_names_than_a_response_may_have_are_not_read() {
    let (codec, clock) = codec();
    let mut many = HeaderMap::new();
    for number in 0..=crate::entry::MOST_NAMES {
        let name: http::HeaderName = format!("x-{number}").parse().expect("a name");
        many.insert(name, HeaderValue::from_static("1"));
    }
    let mut entry = some_entry(&clock);
    entry.headers = StoredFields::new(&many, None);
    let written: Variants = [Arc::new(entry)].into_iter().collect();
    let bytes = codec.encode(key().as_ref(), &written).expect("small");
    let read = codec.decode(key().as_ref(), &bytes);
    assert!(matches!(
        read,
        Err(DecodeError::Damaged("number of fields"))
    ));
}
