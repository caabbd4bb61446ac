//! JSON whose parts keep their bytes.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// An object's members in order, each value as it was written.
pub(crate) type Fields<'a> = Vec<(String, &'a RawValue)>;

/// The members of an object; `None` if it is none, or names one twice: which of the two holds
/// is for nobody here to decide.
pub(crate) fn object(json: &[u8]) -> Option<Fields<'_>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Fields<'de>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
            let mut fields = Fields::new();
            while let Some(name) = map.next_key::<String>()? {
                if fields.iter().any(|(seen, _)| *seen == name) {
                    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    return Err(A::Error::custom("a member is there twice"));
                }
                fields.push((name, map.next_value()?));
            }
            Ok(fields)
        }
    }
    let mut json = serde_json::Deserializer::from_slice(json);
    let fields = json.deserialize_map(Members).ok()?;
    json.end().ok()?;
    Some(fields)
}

/// The elements of an array, each as it was written.
pub(crate) fn array(json: &[u8]) -> Option<Vec<&RawValue>> {
    serde_json::from_slice(json).ok()
}

/// A member by name.
pub(crate) fn get<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a RawValue> {
    let mut fields = fields.iter();
    fields.find_map(|(found, value)| (found == name).then_some(*value))
}

/// A string's text.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Where in `whole` a part of it stands that was borrowed from it.
pub(crate) fn span(whole: &[u8], part: &RawValue) -> Option<(usize, usize)> {
    let part = part.get();
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some((start, end))
}

/// `whole` with other bytes in place of a part of it.
pub(crate) fn splice(out: &mut Vec<u8>, whole: &[u8], (start, end): (usize, usize), part: &[u8]) {
    out.extend_from_slice(whole.get(..start).unwrap_or_default());
    out.extend_from_slice(part);
    out.extend_from_slice(whole.get(end..).unwrap_or_default());
}

/// A string as JSON.
pub(crate) fn quote(text: &str) -> String {
    // A string always has a form in JSON.
    serde_json::to_string(text).unwrap_or_default()
}

/// Writes a string as JSON.
pub(crate) fn write(out: &mut Vec<u8>, text: &str) {
    // A string always has a form in JSON, and memory takes all that is written.
    let _ = serde_json::to_writer(out, text);
}

/// Joins pieces with commas, in brackets.
pub(crate) fn list<T>(
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) -> Bytes {
    let mut out = vec![b'['];
    for item in items {
        if out.len() > 1 {
            out.push(b',');
        }
        write(item, &mut out);
    }
    out.push(b']');
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_bytes_and_their_places() {
        let json = br#" { "id" : 1.50e1 , "b":[1, 2 ] } "#;
        let fields = object(json).unwrap();
        let id = get(&fields, "id").unwrap();
        assert_eq!(id.get(), "1.50e1");
        let mut out = Vec::new();
        splice(&mut out, json, span(json, id).unwrap(), b"\"x\"");
        assert_eq!(out, br#" { "id" : "x" , "b":[1, 2 ] } "#);
    }

    #[test]
    fn a_member_that_is_there_twice_spoils_its_object() {
        assert!(object(br#"{"id":1,"result":2,"id":3}"#).is_none());
        assert!(object(br#"{"id":1,"\u0069d":3}"#).is_none());
        assert!(object(b"{} x").is_none());
        assert!(object(b"[1]").is_none());
    }
}
