use bytes::Bytes;
use scrimp_core::Currency;
use serde_json::json;

use super::*;
use crate::{
    Rate, Tariff, TokenRates,
    engine::Prompt,
    prompt::{PromptCache, caches::Caches},
};

/// A layer's view of one provider with an automatic cache, at $1 a million tokens and a tenth for reading.
struct Bench {
    breaks: Breaks,
    caches: Caches,
    price: Price,
    start: Instant,
    route: Arc<str>,
}

impl Bench {
    fn new() -> Self {
        let rate = |text: &str| Rate::per(text, 1_000_000);
        let rates = TokenRates::text(rate("1"), rate("5")).with(TokenClass::CacheRead, rate("0.1"));
        let start = Instant::now();
        Self {
            breaks: Breaks::new(start),
            caches: Caches::new(start),
            price: Tariff::new(Currency::USD).tokens(rates).into(),
            start,
            route: "chat".into(),
        }
    }

    /// Ends a call with a prompt, of which these tokens were read. A token has four bytes.
    fn call(&mut self, at: f64, tenant: &str, body: &serde_json::Value, read: u64) {
        let now = self.start + Duration::from_secs_f64(at);
        let body = Bytes::from(body.to_string());
        let text = PromptText::read(&body, None).expect("a prompt");
        let text = Arc::new(text);
        let caching = PromptCache::automatic().checked().expect("the defaults");
        let account = self.caches.account(&"account".into(), Some(caching));
        let all = text.length as u64 / 4;
        let outlook = self.caches.look(&text, now).expect("a cache");
        let bet = self
            .caches
            .bet((&text, &outlook), now, account, caching, [1.0, 0.1], all)
            .expect("a cache");
        let usage = Usage::default()
            .with(TokenClass::Input, all - read)
            .with(TokenClass::CacheRead, read);
        self.breaks.see(&Ended {
            payer: Some(tenant),
            route: &self.route,
            model: None,
            bet: &bet,
            price: &self.price,
            used: 0,
            usage: &usage,
            now,
            wall: SystemTime::UNIX_EPOCH,
        });
    }
}

/// A prompt with a date before rules of some kilobytes.
fn dated(date: &str) -> serde_json::Value {
    let rules = "Answer briefly, and cite the sources that you used. ".repeat(200);
    json!({"system": format!("Today is {date}. {rules}"), "messages": [{"role": "user", "content": "hello"}]})
}

fn dollars(found: &PromptBreak) -> f64 {
    found.lost.get(Currency::USD).as_f64()
}

#[test]
fn what_a_date_costs_is_the_difference_between_reading_and_paying_in_full() {
    let mut bench = Bench::new();
    bench.call(0.0, "a", &dated("2026-01-15T10:22"), 0);
    bench.call(60.0, "a", &dated("2026-01-15T10:23"), 0);
    let breaks = bench.breaks.read();
    assert_eq!((breaks.prompts, breaks.time_stamp.breaks), (2, 1));
    let tokens = breaks.time_stamp.tokens;
    assert!((2_500..2_700).contains(&tokens), "{tokens}");
    let expected = tokens as f64 * 0.9e-6;
    assert!((dollars(&breaks.time_stamp) - expected).abs() < 1e-9);
    let [place] = &bench.breaks.places()[..] else {
        panic!("one place");
    };
    assert_eq!(
        (place.part, place.kind, &*place.route),
        (PromptPart::System, BreakKind::TimeStamp, "chat")
    );
    assert_eq!(place.at, "\"Today is 2026-01-15T10:2".len());
    let others: u64 = breaks.iter().map(|(_, found)| found.breaks).sum();
    assert_eq!(others, 1);
}

#[test]
fn tokens_that_were_read_all_the_same_are_not_lost() {
    let mut bench = Bench::new();
    bench.call(0.0, "a", &dated("2026-01-15"), 0);
    // Another prompt of the same day was before.
    bench.call(1.0, "a", &dated("2026-01-16"), 1_300);
    let tokens = bench.breaks.read().time_stamp.tokens;
    assert!((1_200..1_400).contains(&tokens), "{tokens}");
    let mut bench = Bench::new();
    bench.call(0.0, "a", &dated("2026-01-15"), 0);
    bench.call(1.0, "a", &dated("2026-01-16"), 2_550);
    assert_eq!(bench.breaks.read().time_stamp.breaks, 0);
}

#[test]
fn prompts_of_other_tenants_and_of_the_time_before_the_lifetime_are_not_compared() {
    for (later, tenant) in [(1.0, "b"), (301.0, "a")] {
        let mut bench = Bench::new();
        bench.call(0.0, "a", &dated("2026-01-15"), 0);
        bench.call(later, tenant, &dated("2026-01-16"), 0);
        assert_eq!(bench.breaks.read().time_stamp.breaks, 0, "{tenant}");
    }
}

#[test]
fn a_prompt_is_compared_with_the_nearest_of_the_last_ones() {
    let mut bench = Bench::new();
    let about = |subject: &str, date: &str| {
        let document = format!("The {subject} is green and large. ").repeat(200);
        json!({"system": format!("Today is {date}."), "messages": [{"role": "user", "content": document}]})
    };
    bench.call(0.0, "a", &about("tree", "2026-01-15"), 0);
    bench.call(1.0, "a", &about("house", "2026-01-15"), 0);
    bench.call(2.0, "a", &about("tree", "2026-01-16"), 0);
    let found = bench.breaks.read().time_stamp;
    assert_eq!(found.breaks, 1);
    assert!(found.tokens > 1_400, "{found:?}");
}

#[test]
fn a_prompt_that_is_compared_stands_for_those_since_the_last_one() {
    let mut bench = Bench::new();
    // Two hundred prompts a second, for ten seconds.
    for n in 0..2_000_u32 {
        let date = format!("2026-01-15T10:00:{:02}.{:03}", n / 200, n % 200);
        bench.call(f64::from(n) / 200.0, "a", &dated(&date), 0);
    }
    let breaks = bench.breaks.read();
    assert_eq!(breaks.prompts, 2_000);
    let found = breaks.time_stamp.breaks;
    assert!((1_900..2_000).contains(&found), "{found}");
}

#[test]
fn prompts_and_places_are_bounded() {
    let start = Instant::now();
    let breaks = Breaks::new(start);
    let route: Arc<str> = "chat".into();
    let mut state = breaks.state.lock();
    for n in 0..100 * 32 * 4_u64 {
        let text = PromptText {
            prompt: Prompt {
                hashes: vec![n],
                kind: 0,
            },
            length: 0,
            is_marked: false,
            parts: Default::default(),
            body: LONGEST / 4,
        };
        let this = Earlier {
            text: Arc::new(text),
            at: start,
        };
        let others = state.keep(n / 5, this, Duration::from_secs(300));
        assert!(others.len() <= NEAREST);
        let kept: usize = state.groups.values().flatten().map(Earlier::size).sum();
        assert_eq!(state.bytes, kept);
        assert!(kept <= MOST, "{kept}");
        let found = Break {
            part: PromptPart::Messages,
            at: n as usize,
            kind: BreakKind::Other,
            from: 0,
            same: 0,
        };
        let loss = Loss {
            found,
            tokens: 1,
            lost: None,
        };
        state.count(&route, 1, &[loss]);
        assert!(state.places.len() <= PLACES);
    }
    assert!(state.bytes > MOST / 2 && state.places.len() == PLACES);
}

#[test]
fn long_bodies_are_not_kept() {
    let mut bench = Bench::new();
    let long = json!({"messages": "word ".repeat(LONGEST / 5)});
    bench.call(0.0, "a", &long, 0);
    assert_eq!(bench.breaks.state.lock().bytes, 0);
}

/// Prints the time of a comparison beside that of reading a prompt. With valgrind's callgrind, their instructions.
#[test]
#[ignore = "measures"]
fn the_time_of_a_comparison() {
    for (name, pause) in [("five prompts a second", 0.2), ("a thousand", 0.001)] {
        let mut bench = Bench::new();
        let prompts: Vec<_> = (0..600_usize)
            .map(|n| {
                let mut prompt = dated(&format!("2026-01-15T10:{:02}:{:02}", n / 60 % 60, n % 60));
                let content = format!("Conversation {}. ", n % 7).repeat(3_000);
                prompt["messages"][0]["content"] = content.into();
                prompt
            })
            .collect();
        let began = Instant::now();
        for prompt in &prompts {
            let body = Bytes::from(prompt.to_string());
            assert!(PromptText::read(&body, None).is_some());
        }
        let reading = began.elapsed();
        let began = Instant::now();
        for (n, prompt) in prompts.iter().enumerate() {
            bench.call(n as f64 * pause, "a", prompt, 0);
        }
        let all = began.elapsed();
        println!(
            "{name}: {:.1} µs to write and read a prompt of {} bytes, {:.1} µs with all else; {:?}",
            1e6 * reading.as_secs_f64() / prompts.len() as f64,
            prompts[0].to_string().len(),
            1e6 * all.as_secs_f64() / prompts.len() as f64,
            bench.breaks.read().time_stamp,
        );
    }
}
