//! Rules parsed from text, for command lines and configuration.

use std::{fmt::Display, str::FromStr, time::Duration};

use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::{LearnedTtl, Rule, RuleBuilder, RuleError};

impl FromStr for Rule {
    type Err = RuleError;

    /// Splits words at white space; [`Rule`] lists their meanings.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let mut builder = Self::builder();
        let mut words = 0;
        for word in text.split_ascii_whitespace() {
            builder = apply(builder, word)?;
            words += 1;
        }
        if words == 0 {
            return Err(RuleError(
                "an empty rule: write words such as `path=/api/** ttl=5m`".into(),
            ));
        }
        builder.build()
    }
}

impl TryFrom<&str> for Rule {
    type Error = RuleError;

    /// Parses as [`FromStr`] does, for setters that take a rule or its text.
    fn try_from(text: &str) -> Result<Self, RuleError> {
        text.parse()
    }
}

/// Parses text that a program has made or was given, as from `&str`.
impl TryFrom<String> for Rule {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        Self::try_from(text.as_str())
    }
}

/// Parses text that a program has made or was given, as from `&str`.
impl TryFrom<&String> for Rule {
    type Error = RuleError;

    fn try_from(text: &String) -> Result<Self, RuleError> {
        Self::try_from(text.as_str())
    }
}

fn apply(builder: RuleBuilder, word: &str) -> Result<RuleBuilder, RuleError> {
    let Some((name, value)) = word.split_once('=') else {
        return match word {
            "bypass" => Ok(builder.bypass()),
            "ignore-cookies" => Ok(builder.ignore_cookies()),
            "ignore-client-control" => Ok(builder.ignore_client_control()),
            "store-set-cookie" => Ok(builder.store_set_cookie()),
            "override-origin" => Ok(builder.override_origin()),
            "body-key" => Ok(builder.body_key()),
            _ => Err(unknown(word)),
        };
    };
    if value.is_empty() {
        return Err(RuleError(format!("`{name}=` in a rule has no value")));
    }
    let list = || value.split(',').filter(|item| !item.is_empty());
    match name {
        "name" => Ok(builder.name(value)),
        "method" => list().try_fold(builder, |builder, item| {
            Ok(builder.method(read::<Method>(name, item, "a method such as GET")?))
        }),
        "host" => Ok(builder.host(value)),
        "path" => Ok(builder.path(value)),
        "if-header" => if_header(builder, value),
        "content-type" => Ok(builder.content_type(value)),
        "status" => list().try_fold(builder, |builder, item| {
            Ok(builder.status(read::<StatusCode>(name, item, "a status code such as 404")?))
        }),
        "query" => match value {
            "none" => Ok(builder.no_query()),
            "all" => Ok(builder),
            _ => Ok(builder.query(list())),
        },
        "header" => list().try_fold(builder, |builder, item| {
            Ok(builder.header(read::<HeaderName>(name, item, "a field name")?))
        }),
        "auth" => match value {
            "shared" => Ok(builder.shared_auth()),
            _ => Err(RuleError(format!(
                "`auth={value}` in a rule: the only value is `auth=shared`"
            ))),
        },
        "events" => match value {
            "keep" => Ok(builder.keep_events()),
            _ => Err(RuleError(format!(
                "`events={value}` in a rule: the only value is `events=keep`"
            ))),
        },
        "answers" => answers(builder, value),
        "cookie" => Ok(list().fold(builder, RuleBuilder::cookie)),
        "ttl" => match value.strip_prefix("learned") {
            Some(_) => learned(builder, value),
            None => Ok(builder.ttl(duration(name, value)?)),
        },
        "tag" => Ok(list().fold(builder, RuleBuilder::tag)),
        _ => apply_limit(builder, name, value).unwrap_or_else(|| Err(unknown(word))),
    }
}

/// Applies a word that sets a limit; `None` for other words.
fn apply_limit(
    builder: RuleBuilder,
    name: &str,
    value: &str,
) -> Option<Result<RuleBuilder, RuleError>> {
    let duration = || duration(name, value);
    Some(match name {
        "negative-ttl" => duration().map(|time| builder.negative_ttl(time)),
        "min-ttl" => duration().map(|time| builder.min_ttl(time)),
        "max-ttl" => duration().map(|time| builder.max_ttl(time)),
        "fail-safe" => duration().map(|time| builder.fail_safe(time)),
        "soft-timeout" => duration().map(|time| builder.soft_timeout(time)),
        "jitter" => read::<f64>(
            name,
            value.trim_end_matches('%'),
            "a percentage such as 10%",
        )
        .map(|percent| builder.jitter(percent)),
        "max-body" => bytes(name, value).map(|bytes| builder.max_body(bytes)),
        _ => return None,
    })
}

fn if_header(builder: RuleBuilder, value: &str) -> Result<RuleBuilder, RuleError> {
    match value.split_once(':') {
        None => Ok(builder.if_header(read("if-header", value, "a field name")?)),
        Some((field, wanted)) => {
            let field: HeaderName = read("if-header", field, "a field name")?;
            let wanted: HeaderValue = read("if-header", wanted, "a field value")?;
            Ok(builder.if_header_is(field, wanted))
        }
    }
}

/// Parses `answers=complete`.
fn answers(builder: RuleBuilder, value: &str) -> Result<RuleBuilder, RuleError> {
    if value != "complete" {
        return Err(RuleError(format!(
            "`answers={value}` in a rule: the only value is `answers=complete`"
        )));
    }
    #[cfg(feature = "llm")]
    return Ok(builder.complete_answers());
    #[cfg(not(feature = "llm"))]
    {
        drop(builder);
        Err(RuleError(
            "`answers=complete` in a rule needs the feature `llm` (of `scrimp`, or of `scrimp-cache`)".into(),
        ))
    }
}

/// Parses `learned(30s,1h)`, or `learned(30s,1h,2%)` with a share of stale time.
fn learned(builder: RuleBuilder, text: &str) -> Result<RuleBuilder, RuleError> {
    let LearnedTtl { min, max, stale } = text.parse().map_err(|_| {
        RuleError(format!(
            "`ttl={text}` is not a learned lifetime: write `learned(30s,1h)`, the shortest and the \
             longest, or `learned(30s,1h,2%)` with the share of time that a response may be stale"
        ))
    })?;
    Ok(builder
        .learned_ttl(min, max)
        .stale_share(f64::from(stale) / 10.0))
}

/// Parses a duration such as `90s`, `2m` or `1h30m`, or `infinite`.
fn duration(name: &str, text: &str) -> Result<Duration, RuleError> {
    if text == "infinite" {
        return Ok(Duration::MAX);
    }
    humantime::parse_duration(text).map_err(|_| {
        RuleError(format!(
            "`{name}={text}` is not a duration: write `30s`, `5m`, `1h30m` or `infinite`"
        ))
    })
}

/// Parses a size such as `512`, `64KiB` or `1MiB`.
fn bytes(name: &str, text: &str) -> Result<u64, RuleError> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        _ => 0,
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .filter(|_| unit > 0)
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| {
            RuleError(format!(
                "`{name}={text}` is not a size: write `512`, `64KiB` or `1MiB`"
            ))
        })
}

fn read<T: FromStr<Err: Display>>(word: &str, text: &str, wanted: &str) -> Result<T, RuleError> {
    text.parse().map_err(|error| {
        RuleError(format!(
            "`{word}={text}` in a rule is not {wanted}: {error}"
        ))
    })
}

fn unknown(word: &str) -> RuleError {
    if word.starts_with('/') {
        return RuleError(format!(
            "`{word}` means nothing in a rule; a path is `path={word}`"
        ));
    }
    RuleError(format!(
        "`{word}` means nothing in a rule; it may hold name=, method=, host=, path=, \
         if-header=, content-type=, status=, query=, header=, cookie=, auth=, tag=, ttl=, \
         negative-ttl=, min-ttl=, max-ttl=, jitter=, max-body=, fail-safe=, soft-timeout=, events=, \
         answers=, body-key, bypass, ignore-cookies, ignore-client-control, store-set-cookie, \
         override-origin"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        text.parse::<Rule>().unwrap_err().to_string()
    }

    #[test]
    fn every_word_is_understood() {
        let rule: Rule = "name=n method=GET,POST host=*.x path=/a if-header=b if-header=c:1 \
                          query=p,q header=t cookie=s ttl=1h30m store-set-cookie override-origin \
                          ignore-client-control auth=shared"
            .parse()
            .unwrap();
        assert_eq!(rule.name(), "n");
        assert_eq!(rule.when.methods.len(), 2);
        assert_eq!(rule.when.headers.len(), 2);
        assert!(
            "content-type=image/* status=200 ttl=infinite"
                .parse::<Rule>()
                .is_ok()
        );
        assert!("path=/private/** bypass".parse::<Rule>().is_ok());
    }

    #[test]
    fn a_rule_that_a_program_has_made_is_read_as_text_is() {
        let text = format!("path=/products/{} ttl=5m", "{id}");
        let rule = Rule::try_from(&text).unwrap();
        assert_eq!(rule, text.parse().unwrap());
        assert_eq!(Rule::try_from(text).unwrap(), rule);
    }

    #[test]
    fn a_parameter_in_another_language_of_routes_is_told_how_it_is_written_here() {
        let said = error("path=/products/:id/reviews ttl=5m");
        assert!(
            said.contains("`:id`") && said.contains("write `{id}`"),
            "{said}"
        );
        let said = error("path=/products/* tag=product:{id} ttl=5m");
        assert!(
            said.contains("`{id}`") && said.contains("`path=/items/{id}`"),
            "{said}"
        );
        assert!(
            "path=/p tag=p:{query.id},{header.x-id}"
                .parse::<Rule>()
                .is_ok()
        );
        assert!("path=/v1/models/*:generate ttl=5m".parse::<Rule>().is_ok());
    }

    #[test]
    fn a_wrong_word_is_named_and_the_right_ones_are_listed() {
        assert!(error("tll=5m").contains("`tll=5m`") && error("tll=5m").contains("ttl="));
        assert!(error("/api ttl=5m").contains("`path=/api`"));
        assert!(error("ttl=5").contains("write `30s`"));
        for wrong in [
            "learned",
            "learned(1s)",
            "learned(1s,2s,3)",
            "learned(1s,2s,x%)",
        ] {
            assert!(
                error(&format!("ttl={wrong}")).contains("write `learned(30s,1h)`"),
                "{wrong}"
            );
        }
        for wrong in ["learned(2s,1s)", "learned(0s,1s)"] {
            assert!(
                error(&format!("ttl={wrong}")).contains("from a shorter"),
                "{wrong}"
            );
        }
        for share in ["0%", "51%", "nan%"] {
            let wrong = format!("ttl=learned(1s,2s,{share})");
            assert!(error(&wrong).contains("0.1 to 50 %"), "{share}");
        }
        assert!(error("status=9999").contains("status code such as 404"));
        assert!(error("path=api").contains("begins with `/`"));
        assert!(error("content-type=a/* query=b").contains("make two rules"));
        assert!(error("bypass ttl=1s").contains("bypasses"));
        assert!(error("auth=mine").contains("`auth=shared`"));
        assert!(error("status=200 auth=shared").contains("make two rules"));
        assert!(error("bypass auth=shared").contains("bypasses"));
        assert!(error("status=200 ignore-client-control").contains("make two rules"));
        assert!(error("  ").contains("empty rule") && error("ttl=").contains("has no value"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}", word in "[a-z-]{2,12}=[^ ]{0,12}") {
            let _ = text.parse::<Rule>();
            let _ = word.parse::<Rule>();
        }
    }
}
