//! The builder and its settings.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, uri::PathAndQuery};
use scrimp_core::{BoxError, Clock, Money, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{
    MarkovPredictor, Predictor, PrefetchLayer, RulePredictor, SessionKey,
    common::Common,
    config::{Config, OWNER},
    fetching::fetching_setters,
    learning::Learner,
    request::Names,
    shared::{Gauges, Shared},
    stats::Counters,
};

/// Longest time of a setting: plans are kept until then.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Settings of a [`PrefetchLayer`].
#[derive(Debug)]
#[must_use]
pub struct PrefetchLayerBuilder {
    settings: Settings<Config>,
    rules: Option<RulePredictor>,
    predictors: Vec<Box<dyn Predictor>>,
}

scrimp_core::unbuilt!(PrefetchLayerBuilder);

// === impl PrefetchLayer ===

impl PrefetchLayer {
    /// Starts a layer that learns from sessions. It fetches nothing before it is told the
    /// [value of waiting](PrefetchLayerBuilder::value_of_waiting).
    pub fn builder(session: SessionKey) -> PrefetchLayerBuilder {
        PrefetchLayerBuilder {
            settings: Settings::new(OWNER, Config::new(session)),
            rules: None,
            predictors: Vec::new(),
        }
    }
}

// === impl PrefetchLayerBuilder ===

impl PrefetchLayerBuilder {
    /// Sets what it is worth to a caller not to wait for a response, such as `"0.002"` or `"0.002 EUR"`. It
    /// needs a [`price`](Self::price) in the same currency. Default: none, and nothing is fetched; the layer
    /// learns all the same.
    pub fn value_of_waiting<V>(self, value: V) -> Self
    where
        V: TryInto<Money>,
        V::Error: Into<BoxError>,
    {
        let set = |config: &mut Config, value| config.value = Some(value);
        self.change(|settings| settings.amount("value_of_waiting", value, set))
    }

    fetching_setters!(16);

    /// Sets the least calibrated probability of what is fetched, besides that it must pay; 0.7 is a cautious
    /// value. Default: 0. Range: 0 to 1.
    pub fn min_confidence(self, confidence: f64) -> Self {
        let set = |config: &mut Config, value| config.min_confidence = value;
        self.change(|settings| settings.within("min_confidence", confidence, 0.0..=1.0, set))
    }

    /// Sets how long before its expected time something is fetched. Default: 5 s. Range: up to a day.
    pub fn lead(self, lead: Duration) -> Self {
        let set = |config: &mut Config, lead| config.lead = lead;
        self.change(|settings| settings.within("lead", lead, ..=LONGEST, set))
    }

    /// Sets for how long after its expected time a prediction may still come true, and a fetched response is
    /// of use, unless the cache says that it is fresh for less. Default: 2 min. Range: 1 s to a day.
    pub fn keep(self, keep: Duration) -> Self {
        let range = Duration::from_secs(1)..=LONGEST;
        let set = |config: &mut Config, keep| config.keep = keep;
        self.change(|settings| settings.within("keep", keep, range, set))
    }

    /// Sets after which silence a session is over. Nothing is fetched for it then. Default: 30 min. Range:
    /// 1 s to a day.
    pub fn session_idle(self, idle: Duration) -> Self {
        let range = Duration::from_secs(1)..=LONGEST;
        let set = |config: &mut Config, idle| config.session_idle = idle;
        self.change(|settings| settings.within("session_idle", idle, range, set))
    }

    /// Sets how many sessions are known, about half a kilobyte each. The one that is silent for longest makes
    /// room. Default: 10,000. Range: 1 or more.
    pub fn max_sessions(self, count: usize) -> Self {
        let set = |config: &mut Config, count| config.max_sessions = count;
        self.change(|settings| settings.within("max_sessions", count, 1.., set))
    }

    /// Sets how many targets are known. The one that was not asked for for longest makes room. Default:
    /// 16,384. Range: 1 or more.
    pub fn max_items(self, count: usize) -> Self {
        let set = |config: &mut Config, count| config.max_items = count;
        self.change(|settings| settings.within("max_items", count, 1.., set))
    }

    /// Sets how many prefetches may be planned, in flight or waiting to be asked for at a time. Default:
    /// 1,024. Range: 1 or more.
    pub fn max_pending(self, count: usize) -> Self {
        let set = |config: &mut Config, count| config.max_pending = count;
        self.change(|settings| settings.within("max_pending", count, 1.., set))
    }

    /// Sets how many predictions are considered after each request, the likeliest first. Default: 3. Range:
    /// 1 to 8.
    pub fn per_request(self, count: usize) -> Self {
        let set = |config: &mut Config, count| config.per_request = count;
        self.change(|settings| settings.within("per_request", count, 1..=8, set))
    }

    /// Sets for how long nothing is fetched after prefetches did not pay. Default: 10 min. Range: 1 s to a
    /// day.
    pub fn rest(self, rest: Duration) -> Self {
        let range = Duration::from_secs(1)..=LONGEST;
        let set = |config: &mut Config, rest| config.rest = rest;
        self.change(|settings| settings.within("rest", rest, range, set))
    }

    /// Sends prefetches with the credentials of the session that they are for, as its last request had them,
    /// and only while that session lives. The inner cache must keep such responses apart: a private cache, or
    /// a rule with the credentials in its key. Default: prefetches have no credentials.
    pub fn personal(self) -> Self {
        self.change(|settings| settings.set(|config| config.personal = true))
    }

    /// Leaves fetching to browsers: pages get a `Speculation-Rules` field with this path, where the application
    /// serves [`speculation_rules`](PrefetchLayer::speculation_rules). The layer then learns from pages only,
    /// and fetches nothing itself. Default: the layer fetches. Range: an absolute path without quotes.
    pub fn browser_rules(self, path: &str) -> Self {
        let is_path = path.starts_with('/') && !path.starts_with("//");
        let value = match is_path && path.parse::<PathAndQuery>().is_ok() {
            true if !path.contains(['"', '\\']) => {
                HeaderValue::try_from(format!("\"{path}\"")).ok()
            }
            _ => None,
        };
        let problem = || format!("must be an absolute path, but is {path:?}");
        let value = value.ok_or_else(|| SettingError::new(OWNER, "browser_rules", problem()));
        let set = |config: &mut Config, value| config.rules = Some(value);
        self.change(|settings| settings.checked(value, set))
    }

    /// Leaves fetching to browsers: a page gets a `Link` field with `rel=prefetch` for each page that its session is
    /// expected to visit next, if they pay. As these are of one session, only pages that no shared cache may store
    /// get them (`private` or `no-store`). The prediction is made while the page is: one that is there at once has
    /// no links, as nothing waits for them. Browsers must ask for the page again by themselves, or find it in their
    /// own cache, where its visit is not seen. Default: the layer fetches.
    pub fn browser_links(self) -> Self {
        self.change(|settings| settings.set(|config| config.links = true))
    }

    /// Sets which fields are credentials. Default: those that scrimp-http lists.
    pub fn credentials(self, credentials: Credentials) -> Self {
        self.change(|settings| settings.set(|config| config.credentials = credentials))
    }

    /// Sets how the target of a request is found. Requests whose target differs from the URI that they show
    /// are passed on: put the layer around the whole router.
    pub fn target_uri(self, target_uri: TargetUri) -> Self {
        self.change(|settings| settings.set(|config| config.target_uri = target_uri))
    }

    /// Sets rules, which come before all other predictors. Default: none.
    pub fn rules(mut self, rules: RulePredictor) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Adds a predictor, behind those that were added before. Where two predict the same, the first one
    /// counts. Default: one [`MarkovPredictor`], if none is added.
    pub fn predictor(mut self, predictor: impl Predictor) -> Self {
        self.predictors.push(Box::new(predictor));
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range. The error names the first one. If there is a value of waiting, and
    /// no price in its currency.
    pub fn build(self) -> Result<PrefetchLayer, SettingError> {
        let config = self.settings.finish()?;
        check_money(&config)?;
        let mut predictors = self.predictors;
        if predictors.is_empty() {
            predictors.push(Box::new(MarkovPredictor::new()));
        }
        if let Some(rules) = self.rules {
            predictors.insert(0, Box::new(rules));
        }
        let shared = Arc::new(Shared {
            config,
            names: Names::default(),
            counters: Counters::default(),
            gauges: Gauges::default(),
            services: 0.into(),
        });
        let learner = Box::new(Learner::new(Arc::clone(&shared), predictors));
        Ok(PrefetchLayer::of(Common::new(shared, learner)))
    }

    fn change(mut self, change: impl FnOnce(Settings<Config>) -> Settings<Config>) -> Self {
        self.settings = change(self.settings);
        self
    }
}

/// Checks that the amounts have one currency.
fn check_money(config: &Config) -> Result<(), SettingError> {
    let Some(value) = config.value else {
        return Ok(());
    };
    let error = |setting, problem: String| Err(SettingError::new(OWNER, setting, problem));
    let currency = value.currency();
    match config.fetching.price {
        None => return error("price", "must be set beside `value_of_waiting`".into()),
        Some(price) if price.currency() != currency => {
            return error("price", format!("must be in {currency}, but is {price}"));
        }
        Some(_) => {}
    }
    match config.fetching.per_hour {
        Some(budget) if budget.currency() != currency => error(
            "budget_per_hour",
            format!("must be in {currency}, but is {budget}"),
        ),
        _ => Ok(()),
    }
}
