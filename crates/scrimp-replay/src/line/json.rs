//! JSON objects, nested or with dotted names, with the field names of the table.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    BadLine,
    facts::Facts,
    fields::{Field, Kind},
    names::Names,
    value::Value,
};

/// Longest name with its objects that is followed.
const MAX_PATH: usize = 256;

/// Gathers the facts of an object.
pub(super) fn facts<'a>(text: &'a str, names: &mut Names) -> Result<Facts<'a>, BadLine> {
    let mut facts = Facts::default();
    let mut path = String::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let walk = Walk {
        path: &mut path,
        facts: &mut facts,
        names,
    };
    walk.deserialize(&mut json).map_err(|_| BadLine::Json)?;
    json.end().map_err(|_| BadLine::Json)?;
    Ok(facts)
}

/// Visits a value, and adds what it states.
struct Walk<'w, 'a> {
    /// Name of the value, with the names of the objects around it.
    path: &'w mut String,
    facts: &'w mut Facts<'a>,
    names: &'w mut Names,
}

/// Adds a name to the path.
struct Name<'w>(&'w mut String);

// === impl Walk ===

impl<'a> Walk<'_, 'a> {
    fn again(&mut self) -> Walk<'_, 'a> {
        Walk {
            path: self.path,
            facts: self.facts,
            names: self.names,
        }
    }

    fn add(self, value: &Value<'a>) {
        self.facts.add(self.names, self.path, value);
    }

    /// Returns the field if the value is a query that was taken apart.
    fn query(&mut self) -> Option<Field> {
        let fields = self.names.find(self.path);
        fields
            .iter()
            .find(|field| field.kind == Kind::Query)
            .copied()
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            deserializer.deserialize_map(self)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if let Some(field) = self.query() {
            let query = joined(map)?;
            self.facts.put(field, Value::Text(Cow::Owned(query)));
            return Ok(());
        }
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        let start = self.path.len();
        while map.next_key_seed(Name(self.path))?.is_some() {
            if self.path.len() > MAX_PATH {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(self.again())?;
            }
            self.path.truncate(start);
        }
        self.path.truncate(length);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.again())?.is_some() {}
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.add(&Value::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.add(&Value::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "times need no more than 53 bits"
    )]
    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.add(&Value::Number(number as f64, false));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "negative numbers are no facts")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.add(&Value::Number(number as f64, false));
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.add(&Value::Number(number, true));
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Joins an object of parameters to a query.
fn joined<'de, A: MapAccess<'de>>(mut map: A) -> Result<String, A::Error> {
    let mut query = String::new();
    while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
        let values = match value {
            serde_json::Value::Array(values) => values,
            one => vec![one],
        };
        for value in values {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&name);
            match value {
                serde_json::Value::String(text) => query.extend(["=", &text]),
                serde_json::Value::Number(number) => query.extend(["=", &number.to_string()]),
                _ => {}
            }
        }
    }
    Ok(query)
}

// === impl Name ===

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.push_str(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BadLine, Reader, parse};

    #[test]
    fn the_error_names_the_missing_field() {
        assert_eq!(parse(b"{"), Err(BadLine::Json));
        assert_eq!(parse(b"{}"), Err(BadLine::Time));
        assert_eq!(parse(br#"{"time":1}"#), Err(BadLine::Request));
        assert_eq!(parse(br#"{"time":1,"path":"/"}"#), Err(BadLine::Status));
        assert_eq!(
            parse(br#"{"time":1,"path":"/","level":30}"#),
            Err(BadLine::Event)
        );
        assert_eq!(
            parse(br#"{"time":1,"path":"/","status":200,"host":"a b"}"#),
            Err(BadLine::Host)
        );
    }

    #[test]
    fn the_request_as_received_has_precedence_over_rewritten_fields() {
        for (fields, target) in [
            (
                r#""request":"GET /a?b HTTP/1.1","request_uri":"/c","uri":"/d","args":"e""#,
                "/a?b",
            ),
            (
                r#""request":"GET /a HTTP/1.1","args":"q=/a","uri":"/index.php""#,
                "/a",
            ),
            (r#""uri":"/d","args":"e","request_uri":"/c?x""#, "/c?x"),
            (r#""uri":"/d","args":"e","request_uri":"/c""#, "/c"),
            (r#""path":"/p","uri":"/u","args":"e""#, "/u?e"),
            (r#""path":"/p","query_string":"?e""#, "/p?e"),
            (
                r#""path":"/p","query":{"a":["1","2"],"b":3}"#,
                "/p?a=1&a=2&b=3",
            ),
            (
                r#""properties":{"requestUri":"/p","requestQuery":"e"}"#,
                "/p?e",
            ),
            (r#""url":"/u?x","query":"e""#, "/u?x"),
        ] {
            let line = format!(r#"{{"time":1,"status":200,{fields}}}"#);
            assert_eq!(
                parse(line.as_bytes()).map(|entry| entry.target),
                Ok(target.into()),
                "{fields}"
            );
        }
    }

    #[test]
    fn the_name_of_a_machine_is_no_host() {
        for fields in [
            r#""hostname":"web-1""#,
            r#""host":{"name":"web-1"}"#,
            r#""kubernetes":{"host":"web-1"}"#,
            r#""version":"1.1","host":"web-1","short_message":"x""#,
            r#""host":"-""#,
            r#""server_name":"_""#,
        ] {
            let line = format!(r#"{{"time":1,"status":200,"path":"/",{fields}}}"#);
            assert_eq!(
                parse(line.as_bytes()).map(|entry| entry.host),
                Ok(String::new()),
                "{fields}"
            );
        }
    }

    #[test]
    fn a_line_may_be_a_field_of_another_log() {
        let line = r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET /a?b HTTP/1.1\" 200 12"#;
        for outer in [
            format!(r#"{{"log":"{line}\n","stream":"stdout","time":"2015-05-17T10:05:09Z"}}"#),
            format!(r#"{{"MESSAGE":"{line}","__REALTIME_TIMESTAMP":"1431857109000000"}}"#),
            format!(r#"{{"_source":{{"message":"{line}","host":{{"name":"web-1"}}}}}}"#),
            format!(r#"{{"date":1431857109.5,"kubernetes":{{"host":"web-1"}},"log":"{line}"}}"#),
            r#"{"date":1431857103,"log":"GET /a?b 200"}"#.to_owned(),
        ] {
            let entry = parse(outer.as_bytes()).unwrap();
            assert_eq!(
                (entry.target.as_str(), entry.status),
                ("/a?b", 200),
                "{outer}"
            );
            assert_eq!(entry.time, 1_431_857_103_000_000, "{outer}");
        }
    }

    #[test]
    fn cloudfront_encodes_targets_once_more_in_json_too() {
        let line = br#"{"date":"2015-05-17","time":"10:05:03","x-edge-location":"FRA56","cs-method":"GET",
            "x-host-header":"a.example","cs-uri-stem":"/a%2520b","cs-uri-query":"q=%2522","sc-status":"200"}"#;
        let entry = parse(line).unwrap();
        assert_eq!(
            (entry.host.as_str(), entry.target.as_str()),
            ("a.example", "/a%20b?q=%22")
        );
    }

    #[test]
    fn a_line_that_docker_split_is_joined() {
        let query = "q".repeat(40_000);
        let line =
            format!("192.0.2.1 - - [17/May/2015:10:05:03 +0000] 'GET /a?{query} HTTP/1.1' 200 12");
        let line = line.replace('\'', "\\\"");
        let (first, rest) = line.split_at(16_384);
        let (second, third) = rest.split_at(16_384);
        let mut reader = Reader::new(None);
        for part in [first, second] {
            let part = format!(r#"{{"log":"{part}","stream":"stdout"}}"#);
            assert_eq!(reader.read(part.as_bytes()), Ok(None));
        }
        let end = format!(r#"{{"log":"{third}\n","stream":"stdout"}}"#);
        let entry = reader.read(end.as_bytes()).unwrap().unwrap().entry;
        assert_eq!(entry.target, format!("/a?{query}"));
    }

    #[test]
    fn parts_of_a_line_that_never_ends_are_bounded() {
        let part = "x".repeat(16_384);
        let part = format!(r#"{{"log":"{part}","stream":"stdout"}}"#);
        let mut reader = Reader::new(None);
        for _ in 0..200 {
            assert_eq!(reader.read(part.as_bytes()), Ok(None));
        }
        assert!(reader.begun_bytes() <= 1 << 20);
    }
}
