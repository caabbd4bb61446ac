//! JSON whose parts keep their bytes.

use std::{collections::HashSet, fmt};

use bytes::Bytes;
use serde::{
    Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Members of an object in order, each value as it was written.
pub(crate) type Fields<'a> = Vec<(String, &'a RawValue)>;

/// Members up to which comparing names is quicker than hashing them.
const FEW: usize = 16;
/// Members that an object may have. Each takes memory, and no protocol of batches needs as many.
const MOST: usize = 10_000;

/// Returns the members of an object; `None` if the text is no object, has more than
/// [`MOST`] members, or two of one name: RFC 8259 §4 does not say which of them is valid.
pub(crate) fn object(json: &[u8]) -> Option<Fields<'_>> {
    members(json).filter(has_no_duplicate)
}

/// Returns the members of an object, also those of one name; `None` if the text is no object or has
/// more than [`MOST`] members.
pub(crate) fn members(json: &[u8]) -> Option<Fields<'_>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Fields<'de>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
            let mut fields = Fields::new();
            while let Some(member) = map.next_entry()? {
                if fields.len() == MOST {
                    return Err(A::Error::custom("too many members"));
                }
                fields.push(member);
            }
            Ok(fields)
        }
    }
    let mut json = serde_json::Deserializer::from_slice(json);
    let fields = json.deserialize_map(Members).ok()?;
    json.end().ok()?;
    Some(fields)
}

/// Reports whether all names differ. Many names are hashed, so that a long object takes linear time.
fn has_no_duplicate(fields: &Fields<'_>) -> bool {
    if fields.len() <= FEW {
        let mut names = fields.iter().map(|(name, _)| name).enumerate();
        return names.all(|(n, name)| fields[..n].iter().all(|(seen, _)| seen != name));
    }
    let mut seen = HashSet::with_capacity(fields.len());
    fields.iter().all(|(name, _)| seen.insert(name))
}

/// Returns the elements of an array, each as it was written.
pub(crate) fn array(json: &[u8]) -> Option<Vec<&RawValue>> {
    serde_json::from_slice(json).ok()
}

/// Returns a member by name.
pub(crate) fn get<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a RawValue> {
    let mut fields = fields.iter();
    fields.find_map(|(found, value)| (found == name).then_some(*value))
}

/// Returns the text of a string; `None` if the value is no string.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Returns a whole number, also one that is written as a float or a string, such as `1.0` or `"1"`.
pub(crate) fn number(value: &RawValue) -> Option<i64> {
    match first(value) {
        b'"' => whole(&text(value)?),
        _ => whole(value.get()),
    }
}

/// Reads the text of a number in JSON, without white space around it.
fn whole(text: &str) -> Option<i64> {
    /// Floats from this on do not name one whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if text.trim_ascii() != text {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| {
        let float: f64 = serde_json::from_str(text).ok()?;
        let whole = float.fract() == 0.0 && float.abs() < EXACT;
        whole.then_some(float as i64)
    })
}

/// Returns the first byte of a value, which tells its type.
pub(crate) fn first(value: &RawValue) -> u8 {
    value.get().as_bytes()[0]
}

/// Returns the start and end of a part that is borrowed from `whole`.
pub(crate) fn span(whole: &[u8], part: &RawValue) -> (usize, usize) {
    let part = part.get().as_bytes();
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    debug_assert_eq!(
        whole.get(start..start.wrapping_add(part.len())),
        Some(part),
        "the part is borrowed from the whole"
    );
    (start, start + part.len())
}

/// Writes `whole` with other bytes in place of a part of it. The span must be one of `whole`.
pub(crate) fn splice(out: &mut Vec<u8>, whole: &[u8], (start, end): (usize, usize), part: &[u8]) {
    out.extend_from_slice(&whole[..start]);
    out.extend_from_slice(part);
    out.extend_from_slice(&whole[end..]);
}

/// Returns a string as JSON.
pub(crate) fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a string has a form in JSON")
}

/// Writes a string as JSON.
pub(crate) fn write(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string has a form in JSON, and a Vec takes it");
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
        splice(&mut out, json, span(json, id), b"\"x\"");
        assert_eq!(out, br#" { "id" : "x" , "b":[1, 2 ] } "#);
    }

    #[test]
    fn a_whole_number_is_read_in_each_of_its_forms_and_no_other_value_is() {
        let number = |text: &str| number(serde_json::from_str(text).unwrap());
        for one in ["1", "1.0", "1e0", "\"1\"", "\"1.0\"", "10e-1"] {
            assert_eq!(number(one), Some(1), "{one}");
        }
        assert_eq!(number("-32005"), Some(-32_005));
        assert_eq!(number("9223372036854775807"), Some(i64::MAX));
        for none in [
            "9007199254740992.0",
            "1.5",
            "\"01\"",
            "\"+1\"",
            "\" 1\"",
            "\"\"",
            "null",
            "[1]",
            "1e300",
            "\"x\"",
        ] {
            assert_eq!(number(none), None, "{none}");
        }
    }

    #[test]
    fn an_object_with_two_members_of_one_name_is_refused() {
        assert!(object(br#"{"id":1,"result":2,"id":3}"#).is_none());
        assert!(object(br#"{"id":1,"\u0069d":3}"#).is_none());
        let many: Vec<_> = (0..9_000).map(|n| format!("\"{n}\":{n}")).collect();
        let many = many.join(",");
        assert_eq!(
            object(format!("{{{many}}}").as_bytes()).unwrap().len(),
            9_000
        );
        assert!(object(format!("{{{many},\"7\":0}}").as_bytes()).is_none());
        assert!(object(b"{} x").is_none());
        assert!(object(b"[1]").is_none());
    }

    #[test]
    fn an_object_with_a_hundred_times_as_many_members_as_allowed_is_refused() {
        let object = |count: usize| {
            let members = (0..count).map(|n| format!("\"{n}\":0"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        assert_eq!(super::object(object(MOST).as_bytes()).unwrap().len(), MOST);
        assert!(super::object(object(100 * MOST).as_bytes()).is_none());
        let deep = "[".repeat(1 << 20);
        assert!(super::object(format!("{{\"a\":{deep}}}").as_bytes()).is_none());
    }
}
