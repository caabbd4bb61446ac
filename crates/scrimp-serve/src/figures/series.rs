//! Numbers with names and labels.

use std::fmt::{Display, Write};

/// Numbers in the order in which they were added, those of one name together.
#[derive(Debug, Default)]
pub(crate) struct Series(Vec<Family>);

/// The numbers of one name.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    values: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

#[derive(Debug)]
struct Value {
    labels: Vec<(&'static str, String)>,
    /// The number as text, the same for every reader.
    number: String,
}

/// A name and its description.
pub(crate) type Named = (&'static str, &'static str);

type Labels<'l> = &'l [(&'static str, &'l str)];

// === impl Series ===

impl Series {
    /// Adds a number that only grows.
    pub(crate) fn counter(&mut self, named: Named, labels: Labels<'_>, number: impl Display) {
        self.add(Kind::Counter, named, labels, number.to_string());
    }

    /// Adds a number that may fall.
    pub(crate) fn gauge(&mut self, named: Named, labels: Labels<'_>, number: impl Display) {
        self.add(Kind::Gauge, named, labels, number.to_string());
    }

    fn add(&mut self, kind: Kind, (name, help): Named, labels: Labels<'_>, number: String) {
        let labels = labels
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let value = Value {
            labels: labels.collect(),
            number,
        };
        match self.0.iter_mut().find(|family| family.name == name) {
            Some(family) => family.values.push(value),
            None => self.0.push(Family {
                name,
                help,
                kind,
                values: vec![value],
            }),
        }
    }

    /// Returns the text that Prometheus reads.
    pub(crate) fn to_prometheus(&self) -> String {
        let mut text = String::new();
        for family in &self.0 {
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            let _ = writeln!(text, "# HELP {} {}", family.name, family.help);
            let _ = writeln!(text, "# TYPE {} {kind}", family.name);
            for value in &family.values {
                text.push_str(family.name);
                write_labels(&mut text, &value.labels);
                let _ = writeln!(text, " {}", value.number);
            }
        }
        text
    }

    /// Returns a list of objects, with the same names, labels and numbers.
    pub(crate) fn to_json(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut text = String::from("[");
        for family in &self.0 {
            for value in &family.values {
                if text.len() > 1 {
                    text.push(',');
                }
                let mut key = family.name.to_owned();
                write_labels(&mut key, &value.labels);
                let labels = value.labels.iter();
                let labels = labels.map(|(name, value)| format!("\"{name}\":{}", quoted(value)));
                let labels: Vec<String> = labels.collect();
                let _ = write!(
                    text,
                    "{{\"key\":{},\"name\":\"{}\",\"labels\":{{{}}},\"value\":\"{}\"}}",
                    quoted(&key),
                    family.name,
                    labels.join(","),
                    value.number
                );
            }
        }
        text.push(']');
        text
    }
}

fn write_labels(text: &mut String, labels: &[(&'static str, String)]) {
    if labels.is_empty() {
        return;
    }
    text.push('{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let _ = write!(text, "{name}=\"");
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                letter => text.push(letter),
            }
        }
        text.push('"');
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_the_same_numbers_and_escape_names() {
        let mut series = Series::default();
        series.counter(("a_total", "Calls."), &[("tenant", "a\"b\\c\nd")], 7);
        series.gauge(("b", "Share."), &[], 0.25);
        series.counter(("a_total", "Calls."), &[("tenant", "e")], 8);
        let text = series.to_prometheus();
        assert_eq!(
            text,
            "# HELP a_total Calls.\n# TYPE a_total counter\n\
             a_total{tenant=\"a\\\"b\\\\c\\nd\"} 7\na_total{tenant=\"e\"} 8\n\
             # HELP b Share.\n# TYPE b gauge\nb 0.25\n"
        );
        let json: serde_json::Value = serde_json::from_str(&series.to_json()).unwrap();
        for value in json.as_array().unwrap() {
            let line = format!(
                "{} {}\n",
                value["key"].as_str().unwrap(),
                value["value"].as_str().unwrap()
            );
            assert!(text.contains(&line), "{line}");
        }
        assert_eq!(json[0]["labels"]["tenant"], "a\"b\\c\nd");
    }
}
