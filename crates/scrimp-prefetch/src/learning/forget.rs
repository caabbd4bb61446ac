//! Erasure: what is known of one session is forgotten.

use super::{Learner, caught};

// === impl Learner ===

impl Learner {
    /// Forgets a session, and targets that only it has asked for. Returns true if it was known.
    ///
    /// What stays belongs to no session: counts of targets by hashes with a key of the process, times, and how often
    /// predictions were right.
    pub(crate) fn forget(&mut self, session: u64) -> bool {
        let is_known = self.sessions.forget(session);
        self.items.forget(session);
        self.hints.forget(session);
        self.predictions.clear();
        self.expected.clear();
        // They are paid, and no caller will ask for them.
        let wasted = self.plans.forget(session);
        self.shared.counters.wasted.add(wasted);
        for predictor in &mut self.predictors {
            caught(&self.shared, || predictor.forget(session));
        }
        self.report();
        is_known
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

    use http::{HeaderMap, HeaderName, Request, Uri, Version, header::COOKIE};
    use tokio::time::Instant;

    use super::*;
    use crate::{
        MarkovPredictor, RulePredictor, SessionKey,
        config::Config,
        fetch::{Fetch, Fetched},
        request::{Event, Names},
        shared::{Gauges, Shared},
        stats::Counters,
    };

    /// Sessions that are found in a text by their number.
    const ANN: u64 = 4_711_471_147_114_711;
    const BOB: u64 = 8_154_815_481_548_154;

    const MINUTE: Duration = Duration::from_secs(60);

    struct Nothing;

    impl Fetch for Nothing {
        fn fetch(&self, _: Request<()>) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
            Box::pin(std::future::ready(Fetched::Failed))
        }
    }

    /// A learner that expects two pages after each account, one of them at once, and fetches them for one session.
    fn learner(change: impl FnOnce(&mut Config)) -> Learner {
        let key = SessionKey::header(HeaderName::from_static("x-visit"));
        let mut config = Config::new(key);
        config.personal = true;
        config.value = "1".parse().ok();
        config.fetching.price = "0.001".parse().ok();
        change(&mut config);
        let account = "/accounts/{id}";
        let rules = RulePredictor::new()
            .rule(account, "/accounts/{id}/photo", 0.9, Duration::ZERO)
            .and_then(|rules| rules.rule(account, "/accounts/{id}/letters", 0.9, 10 * MINUTE));
        let shared = Shared {
            config,
            names: Names::default(),
            counters: Counters::default(),
            gauges: Gauges::default(),
            services: 0.into(),
        };
        let rules = Box::new(rules.expect("valid rules"));
        let model = Box::new(MarkovPredictor::new());
        Learner::new(Arc::new(shared), vec![rules, model])
    }

    fn visit(learner: &mut Learner, session: u64, path: &str, name: &str) {
        let uri: Uri = format!("http://shop.test{path}").parse().expect("a URI");
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, format!("sid={name}").parse().expect("a value"));
        learner.learn(&Event {
            session,
            target: learner
                .shared
                .names
                .target(&uri, Version::HTTP_11, &headers, None),
            uri,
            version: Version::HTTP_11,
            at: Instant::now(),
            fetchable: Some(true),
            is_guess: false,
            waited: true,
            fresh_for: None,
            headers,
            tenant: None,
            private_if: None,
            inner: Arc::new(Nothing),
        });
    }

    /// Lets two sessions visit a page that both know, and their accounts.
    fn visits(learner: &mut Learner) {
        for (session, name) in [(ANN, "anna"), (BOB, "bob")] {
            visit(learner, session, "/start", name);
            visit(learner, session, &format!("/accounts/{name}"), name);
        }
    }

    /// Looks at all that a learner holds, as its derived representation has each field.
    fn has(learner: &Learner, text: &str) -> bool {
        format!("{learner:?}").contains(text)
    }

    #[test]
    fn a_scan_of_all_that_is_kept_finds_nothing_of_a_session_that_was_forgotten() {
        for for_browsers in [false, true] {
            let mut learner = learner(|config| {
                config.rules = for_browsers.then(|| "\"/rules\"".parse().expect("a value"));
            });
            visits(&mut learner);
            let now = Instant::now() + MINUTE;
            let mut started = Vec::new();
            while let Some((key, _)) = learner.start(now) {
                started.push(key);
            }
            assert_eq!(started.len(), if for_browsers { 0 } else { 2 });
            for key in started {
                learner.ended(key, Fetched::Stored(None), now);
            }
            assert!(has(&learner, "anna") && has(&learner, &ANN.to_string()));
            assert!(learner.forget(ANN));
            assert!(!has(&learner, "anna") && !has(&learner, &ANN.to_string()));
            for other in ["/start", "/accounts/bob", &BOB.to_string()] {
                assert!(has(&learner, other), "{other}");
            }
            let wasted = learner.shared.counters.wasted.get();
            assert_eq!(wasted, u64::from(!for_browsers), "it was paid");
            assert!(!learner.forget(ANN));
        }
    }

    #[test]
    fn a_call_in_flight_leaves_nothing_of_a_session_that_is_forgotten_meanwhile() {
        let all = [Fetched::Stored(None), Fetched::Fresh, Fetched::Failed];
        for fetched in all {
            let mut learner = learner(|_| {});
            visit(&mut learner, ANN, "/accounts/anna", "anna");
            let now = Instant::now() + MINUTE;
            let (key, _) = learner.start(now).expect("the photo");
            learner.forget(ANN);
            learner.ended(key, fetched, now);
            assert!(!has(&learner, &ANN.to_string()), "{fetched:?}");
            let stats = learner.shared.stats();
            let ended = [stats.wasted, stats.already_fresh, stats.failed];
            assert_eq!((stats.calls, ended.iter().sum()), (1, 1), "{stats:?}");
        }
    }
}
