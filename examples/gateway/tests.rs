mod fleet;
#[path = "../fleet/server.rs"]
mod server;

use std::time::Duration;

use clap::Parser;
use scrimp::cost_route::Period;

use crate::args::Args;

fn parse(flags: &str) -> Result<Args, clap::Error> {
    Args::try_parse_from(std::iter::once("gateway").chain(flags.split_whitespace()))
}

#[test]
fn an_invalid_flag_exits_with_code_2_and_a_sentence_that_names_it() {
    for (flags, sentence) in [
        ("", "--upstream <URL>"),
        ("--upstream ftp://a.test", "or https://HOST[:PORT]"),
        (
            "--upstream http://a.test --upstream-http2 --preserve-host",
            "--preserve-host",
        ),
        ("--upstream http://a.test --tls-key a", "--tls-certificates"),
        ("--upstream http://a.test --body-pace 20", "such as 20s:500"),
        ("--upstream a.test:80", "must be like http://HOST[:PORT]"),
        ("--upstream http://a.test/path", "must not have a path"),
        ("--upstream http://u@a.test", "user name"),
        (
            "--upstream http://a.test --max-bytes 1T",
            "expected a number of bytes",
        ),
        (
            "--upstream http://a.test --max-bytes 99999999999G",
            "expected a number of bytes",
        ),
        ("--upstream http://a.test --drain=-1", "--drain"),
        (
            "--upstream http://a.test --upstream-timeout nan",
            "expected a number of seconds",
        ),
        ("--upstream http://a.test --listen here", "--listen <ADDR>"),
        (
            "--upstream http://a.test --budget 25/day",
            "--price <MONEY>",
        ),
        (
            "--upstream http://a.test --price 1 --budget 25/year",
            "such as 25/day",
        ),
        ("--upstream http://a.test --rate 25", "such as 100/second"),
        ("--upstream http://a.test --fleet a", "--redis <URL>"),
    ] {
        let error = parse(flags).expect_err(flags);
        assert_eq!(error.exit_code(), 2, "{flags}");
        assert!(error.to_string().contains(sentence), "{flags}: {error}");
    }
}

#[test]
fn sizes_are_in_powers_of_1024() {
    for (text, bytes) in [
        ("0", 0),
        ("123", 123),
        ("2k", 2048),
        ("256M", 256 << 20),
        ("4G", 4 << 30),
    ] {
        let args = parse(&format!("--upstream http://a.test --max-bytes {text}")).unwrap();
        assert_eq!(args.max_bytes, bytes);
    }
}

#[test]
fn budgets_and_rates_have_a_period() {
    let flags = "--upstream http://a.test --price 0.01";
    for (text, period) in [
        ("0.05/minute", Period::Minute),
        ("1/hour", Period::Hour),
        ("25/day", Period::Day),
        ("25/month", Period::Month),
        ("25", Period::Forever),
    ] {
        let args = parse(&format!("{flags} --budget {text}")).unwrap();
        let amount = text.split('/').next().unwrap().parse().unwrap();
        assert_eq!(args.calls.budget, Some((amount, period)));
    }
    for (text, seconds) in [
        ("5/second", 1),
        ("5/minute", 60),
        ("5/hour", 3_600),
        ("5/day", 86_400),
    ] {
        let args = parse(&format!("{flags} --rate {text}")).unwrap();
        assert_eq!(args.calls.rate, Some((5, Duration::from_secs(seconds))));
    }
}
