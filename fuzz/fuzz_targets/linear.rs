//! No parser takes more than linear time: a text that repeats itself up to 64 KiB takes
//! milliseconds.
//!
//! The first byte chooses the parser. Then a beginning, a NUL, what repeats, a NUL, an end.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Response, header};
use libfuzzer_sys::fuzz_target;
use scrimp_batch::{ArrayInput, BatchCodec, GraphQl, JsonRpc, RestJson};
use scrimp_cache::{Codec, Pattern, Rule};
use scrimp_core::{KeyBuf, Money};
use scrimp_cost_route::{
    Rate, Tap,
    litellm::{PriceTable, ServiceTier},
};
use scrimp_fuzz::{cost::linear, decode, fields::lines, post};
use scrimp_http::{
    cache_control::{RequestControl, ResponseControl},
    cache_status::{self, CacheVerdict},
    challenge, coding, connection, cookie, date, etag, groups, list, media_type,
    no_vary_search::{NO_VARY_SEARCH, SearchVariance},
    range, target, vary,
};
use scrimp_replay::{Offer, Ttl, fuzzing::LogLine};

const LENGTH: usize = 64 << 10;
/// Time for a text of that length, in a build with coverage, from which the growth is measured.
const MOST: Duration = Duration::from_millis(300);

fn read(which: u8, data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let under = |name: &HeaderName| lines(name, data);
    match which % 27 {
        0 => {
            let _ = ResponseControl::read(&under(&header::CACHE_CONTROL));
            let _ = RequestControl::read(&under(&header::CACHE_CONTROL));
        }
        1 => {
            let lines = under(&header::VARY);
            let _ = vary::fields(lines.values());
        }
        2 => {
            let name = header::ACCEPT_LANGUAGE;
            let _ = vary::normal_value(&name, &under(&name));
            let _ = vary::best_language(&under(&name));
        }
        3 => {
            let _ = range::ranges(&under(&header::RANGE), 1 << 20);
        }
        4 => {
            let _ = CacheVerdict::read(&under(&header::CACHE_STATUS));
            let _ = cache_status::detail(&under(&header::CACHE_STATUS));
        }
        5 => {
            let lines = under(&header::ACCEPT);
            for member in list::members(lines.values()) {
                let (_, parameters) = list::with_parameters(member);
                parameters.for_each(|parameter| drop(list::unquote(parameter)));
            }
        }
        6 => {
            let _ = groups::groups(&under(&groups::CACHE_GROUPS), &groups::CACHE_GROUPS);
        }
        7 => {
            let _ = SearchVariance::read(&under(&NO_VARY_SEARCH));
        }
        8 => {
            let name = groups::SURROGATE_KEY;
            let _ = groups::tags(&under(&name), &name).count();
        }
        9 => {
            let _ = challenge::is_of_one_client(&under(&header::WWW_AUTHENTICATE));
        }
        10 => {
            let accepted = under(&header::ACCEPT_ENCODING);
            let _ = coding::accepts_all(&accepted, &under(&header::CONTENT_ENCODING));
        }
        11 => connection::strip(&mut under(&header::CONNECTION)),
        12 => {
            let _ = cookie::values(&under(&header::COOKIE), "a").count();
        }
        13 => {
            let tags = under(&header::IF_NONE_MATCH);
            for tag in list::members(tags.values()) {
                let _ = etag::weak_match(tag, b"\"a\"");
            }
            let _ = media_type::accepts_stream(&under(&header::ACCEPT));
        }
        14 => {
            let _ = target::forwarded_claims(data).count();
        }
        15 => {
            let _ = target::normal(&text);
            let _ = target::normal_authority(&text);
        }
        16 => {
            let _ = date::parse(&text);
        }
        17 => {
            let _ = text.parse::<Rule>();
        }
        // Pattern × text steps: a pattern of 64 bytes.
        18 => {
            let end = text
                .char_indices()
                .nth(64)
                .map_or(text.len(), |(end, _)| end);
            let _ = Pattern::path(&text[..end]).matches(&text);
        }
        19 => {
            let key = KeyBuf::new();
            let _ = Codec::new().decode(key.as_ref(), &Bytes::copy_from_slice(data));
        }
        20 => {
            let _ = LogLine::read(data);
            let head = b"#Fields: date time x-edge-location cs-method cs-uri-stem sc-status";
            let _ = LogLine::read_all([&head[..], data]);
            let head = b"time,\"method\",url,status";
            let _ = LogLine::read_all([&head[..], data]);
        }
        21 => Tap::new().see(data),
        22 => {
            let _ = PriceTable::parse(data, ServiceTier::Standard);
        }
        23 => {
            let _ = text.parse::<Money>();
            let _ = text.parse::<Rate>();
            let _ = text.parse::<Ttl>();
            let _ = text.parse::<Offer>();
        }
        24 => {
            let call = post(r#"{"jsonrpc":"2.0","method":"m","id":7}"#);
            decode(&JsonRpc::new(), &[call], data);
        }
        25 => {
            let call = post(r#"{"input":["a","b"]}"#);
            decode(&ArrayInput::new(), &[call], data);
            let get = http::Request::get("http://api.example.com/1").body(Bytes::new());
            decode(
                &RestJson::new("/batch"),
                &[get.expect("a good request")],
                data,
            );
        }
        _ => {
            let (head, _) = post("").into_parts();
            let body = Bytes::copy_from_slice(data);
            let _ = GraphQl::new().admit(&head, &body, &mut KeyBuf::new());
            let _ = JsonRpc::new().admit(&head, &body, &mut KeyBuf::new());
            let _ = ArrayInput::new().admit(&head, &body, &mut KeyBuf::new());
            let _ = GraphQl::new().decode(&[], &Response::new(body));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&which, data)) = data.split_first() else {
        return;
    };
    let mut parts = data.splitn(3, |&byte| byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (begin, piece, end) = (next(), next(), next());
    if piece.is_empty() {
        return;
    }
    linear(MOST, LENGTH, |length| {
        let times = length / piece.len();
        read(which, &[begin, &piece.repeat(times), end].concat());
    });
});
