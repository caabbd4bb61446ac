//! Settings as text: times and providers of a replay.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::cost::{SMALL, within};
use scrimp_replay::{Offer, Ttl};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(ttl) = within(SMALL, || text.parse::<Ttl>()) {
        assert_eq!(ttl.to_string().parse::<Ttl>().ok(), Some(ttl));
    }
    match within(SMALL, || text.parse::<Offer>()) {
        Ok(offer) => {
            assert!(!offer.name().is_empty() && text.contains(offer.name()));
            // The last of a word that is repeated counts.
            let dearer = format!("{text} price=7");
            assert!(dearer.parse::<Offer>().is_ok());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(offers) = within(SMALL, || Offer::list(text)) {
        assert!(offers.len() <= text.lines().count());
    }
});
