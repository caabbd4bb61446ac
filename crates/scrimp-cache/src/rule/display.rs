//! Rules as the text that they are parsed from.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use http::StatusCode;

use super::{Cookies, QueryKey, Rule, Ttl};
use crate::pattern::Pattern;

impl Display for Rule {
    /// Writes the rule as text that parses to an equal rule.
    ///
    /// A lifetime or a condition that is a function is left out. A [builder](Rule::builder) value that the text
    /// cannot express, such as a name with a blank, is written as it is, and parses differently.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Words { f, first: true };
        self.write(&mut words)?;
        match words.first {
            // The rule changes nothing, but an empty text is not a rule.
            true => words.word("query=all"),
            false => Ok(()),
        }
    }
}

/// Writes words with blanks between them.
struct Words<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    first: bool,
}

// === impl Rule ===

impl Rule {
    fn write(&self, words: &mut Words<'_, '_>) -> fmt::Result {
        let (when, key, limits) = (&self.when, &self.key, &self.limits);
        words.some("name", Some(&self.name).filter(|name| !name.is_empty()))?;
        words.list("method", &when.methods)?;
        words.some("host", when.host.as_ref().map(Pattern::as_str))?;
        words.some("path", when.path.as_ref().map(Pattern::as_str))?;
        for (name, value) in &when.headers {
            match value {
                None => words.pair("if-header", name)?,
                Some(value) => {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    words.pair("if-header", format_args!("{name}:{value}"))?;
                }
            }
        }
        let media_type = when.content_type.as_ref().map(Pattern::as_str);
        words.some("content-type", media_type)?;
        words.list("status", when.statuses.iter().map(StatusCode::as_u16))?;
        words.query(&key.query)?;
        words.list("header", &key.headers)?;
        words.list("cookie", &key.cookies)?;
        words.some("auth", key.authorised.then_some("shared"))?;
        match self.ttl {
            Some(Ttl::Fixed(ttl)) => words.duration("ttl", Some(ttl))?,
            Some(Ttl::Learned(bounds)) => words.pair("ttl", bounds)?,
            Some(Ttl::With(_)) | None => {}
        }
        words.list("tag", &self.tags)?;
        words.duration("negative-ttl", limits.negative_ttl)?;
        words.duration("min-ttl", limits.min_ttl)?;
        words.duration("max-ttl", limits.max_ttl)?;
        if limits.jitter > 0 {
            words.pair(
                "jitter",
                format_args!("{}%", f64::from(limits.jitter) / 10.0),
            )?;
        }
        words.some("max-body", limits.max_body)?;
        words.duration("fail-safe", self.fail_safe)?;
        words.duration("soft-timeout", self.soft_timeout)?;
        words.some("events", self.keep_events.then_some("keep"))?;
        #[cfg(feature = "llm")]
        words.some("answers", self.check.complete_answers.then_some("complete"))?;
        // A rule that names cookies ignores the others by default.
        let ignores = self.cookies == Some(Cookies::Ignore) && key.cookies.is_empty();
        for (word, is_set) in [
            ("body-key", self.body_key),
            ("bypass", self.bypass),
            ("ignore-cookies", ignores),
            ("ignore-client-control", self.ignore_client_control),
            ("store-set-cookie", self.store_set_cookie),
            ("override-origin", self.override_origin),
        ] {
            if is_set {
                words.word(word)?;
            }
        }
        Ok(())
    }
}

// === impl Words ===

impl Words<'_, '_> {
    fn word(&mut self, word: impl Display) -> fmt::Result {
        let blank = if self.first { "" } else { " " };
        self.first = false;
        write!(self.f, "{blank}{word}")
    }

    fn pair(&mut self, name: &str, value: impl Display) -> fmt::Result {
        self.word(format_args!("{name}={value}"))
    }

    fn some(&mut self, name: &str, value: Option<impl Display>) -> fmt::Result {
        value.map_or(Ok(()), |value| self.pair(name, value))
    }

    fn list(&mut self, name: &str, items: impl IntoIterator<Item: Display>) -> fmt::Result {
        let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
        match items.is_empty() {
            true => Ok(()),
            false => self.pair(name, items.join(",")),
        }
    }

    fn query(&mut self, query: &QueryKey) -> fmt::Result {
        match query {
            QueryKey::All => Ok(()),
            QueryKey::None => self.pair("query", "none"),
            QueryKey::Only(chosen) => match &*chosen.names {
                // The comma distinguishes a list from a word.
                [] => self.pair("query", ","),
                [name] if matches!(&**name, "none" | "all") => {
                    self.pair("query", format!("{name},"))
                }
                names => self.pair("query", names.join(",")),
            },
        }
    }

    fn duration(&mut self, name: &str, time: Option<Duration>) -> fmt::Result {
        match time {
            None => Ok(()),
            Some(Duration::MAX) => self.pair(name, "infinite"),
            Some(time) => {
                let text = humantime::format_duration(time).to_string();
                self.pair(name, text.replace(' ', ""))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Generates words of the language, for rules.
    fn word() -> impl Strategy<Value = String> {
        let duration = (0..4_000_000_000_u64, 0..1_000_000_000_u32)
            .prop_map(|(seconds, nanos)| Duration::new(seconds, nanos));
        let duration = prop_oneof![
            Just("infinite".to_owned()),
            "[1-9][0-9]{0,3}(ns|us|ms|s|m|h|days|months|years)",
            duration.prop_map(|time| humantime::format_duration(time)
                .to_string()
                .replace(' ', "")),
        ];
        let timed = "(ttl|negative-ttl|min-ttl|max-ttl|fail-safe|soft-timeout)=";
        prop_oneof![
            2 => "[a-z{}.*/:=-]{1,8}=[a-z0-9{}.*/:@=%,-]{1,12}",
            2 => (timed, duration).prop_map(|(name, time)| name + &time),
            2 => "(body-key|bypass|ignore-cookies|ignore-client-control|store-set-cookie|override-origin)",
            2 => "path=(/|\\*)[a-z{}.*/%=]{0,12}",
            2 => "tag=[a-z{}.:,@A-Z]{1,20}",
            1 => "tag=(query|header|)(\\{query\\.|\\{header\\.|\\{)[a-zA-Z.]{0,4}\\}[{}a-z]{0,3}",
            1 => "ttl=learned\\([1-9]{1,2}(ms|s|m|h),[1-9]{1,3}(s|h|days)(,[0-9]{1,2}(\\.[0-9]{1,2})?%|)\\)",
            1 => "auth=(shared|[a-z]{1,3})",
            1 => "events=(keep|[a-z]{1,3})",
            1 => "query=(none|all|none,|all,|,|[ab,]{1,6}|b,a,b)",
            1 => "(header|cookie|if-header)=[a-zA-Z,-]{1,9}",
            1 => "if-header=[a-z]{1,5}:[a-z:=\"]{0,5}",
            1 => "(method|name|host|content-type)=[A-Za-z*/.,]{1,9}",
            1 => "status=(200|404|410|500|404,410|,)",
            1 => "jitter=([0-9]{1,2}(\\.[0-9]{1,2})?|100)%?",
            1 => "max-body=[0-9]{1,9}(KiB|MiB|)",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_rule_reads_back_from_its_text(words in vec(word(), 1..5)) {
            if let Ok(rule) = words.join(" ").parse::<Rule>() {
                let text = rule.to_string();
                let again = text.parse::<Rule>();
                prop_assert!(again.is_ok(), "{:?} was written {:?}: {:?}", words, text, again);
                prop_assert_eq!(again.unwrap(), rule, "{}", text);
            }
        }
    }

    #[test]
    fn a_rule_is_written_in_the_words_of_the_language() {
        for text in [
            "query=all",
            "name=n method=GET,POST host=*.x path=/a/{id} if-header=b if-header=c:1 query=p,q \
             header=t cookie=s ttl=1h30m tag=a:{id},b@{header.x-rev} jitter=12.5%",
            "path=/api/** header=x-tenant auth=shared ttl=1m",
            "content-type=image/* status=200,404 ttl=infinite max-body=1024",
            "path=/private/** bypass",
            "path=/prices/** ttl=learned(30s,1h,5%)",
            "path=/prices/** ttl=learned(1m30s,1day,0.5%)",
            "path=/answers/** ttl=1h events=keep body-key",
            "path=/** negative-ttl=7s min-ttl=5s max-ttl=1day fail-safe=1h",
            "query=none soft-timeout=200ms body-key ignore-cookies ignore-client-control \
             store-set-cookie override-origin",
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_function_is_equal_to_itself_and_is_not_written() {
        let rule = || {
            Rule::builder()
                .path("/")
                .ttl_with(|_, _| None)
                .build()
                .unwrap()
        };
        let one = rule();
        assert_eq!(one, one.clone());
        assert_ne!(one, rule());
        assert_eq!(one.to_string(), "path=/");
    }
}
