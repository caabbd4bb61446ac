//! The view of a request as the cache needs it.

use http::{Extensions, HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body::Body;
use scrimp_core::{
    BodyDigest, KeyBuf, KeyPart,
    extensions::{Background, Directive, Explain, LifetimeJitter, TellTags},
};
use scrimp_http::{
    body::Presence,
    status::refuses_caller,
    target::{TargetUri, has_userinfo, scheme},
};

use super::{
    key,
    search::{IS_HEARD, Variance, Variances},
};
use crate::{
    config::Config,
    policy::{
        Mode, Selection,
        facts::{MethodClass, RequestFacts},
        refusal::Refusal,
        storable::CredentialUse,
    },
    rule::{Cookies, Place, QueryKey, Rule},
};

/// The cache's part in a request, as far as the request alone decides it.
pub(crate) enum RequestView {
    /// The request is passed on: for this reason, or because of its method.
    Pass(Option<Refusal>),
    /// The request may change stored responses. This is its Host.
    Unsafe(RequestFacts, Option<HeaderValue>),
    /// The request may be answered from the store.
    Lookup(LookupRequest),
}

/// A request that the cache may answer.
#[derive(Clone)]
pub(crate) struct LookupRequest {
    pub(crate) facts: RequestFacts,
    /// The index of the rule that matches it.
    pub(crate) rule: Place,
    /// Use of the request's credentials for its response.
    pub(crate) credentials: CredentialUse,
    pub(crate) directive: Option<Directive>,
    /// Thousandths of a lifetime that chance may cut off.
    pub(crate) jitter: Option<u16>,
    /// Flag that no caller waits for the response.
    pub(crate) background: bool,
    /// Flag that credentials of its caller were removed.
    pub(crate) stripped: bool,
    /// Flag that the key holds a digest of the request's body, which cannot be sent again.
    pub(crate) body_key: bool,
    /// The parts of the query that the key leaves out.
    pub(crate) variance: Option<Variance>,
    pub(crate) explain: bool,
    /// Flag that the response carries its tags, for layers outside.
    pub(crate) tells_tags: bool,
}

/// The request's own URI, while the target URI is in its place. It is boxed: few requests need it,
/// and all carry it.
pub(crate) struct Shown {
    instead: Option<Box<Instead>>,
    /// The request was received by a server.
    received: bool,
}

struct Instead {
    shown: Uri,
    /// The URI's path is not the end of the target's path, so that a response depends on both.
    rewritten: bool,
}

// === impl RequestView ===

impl RequestView {
    /// Reads a request. If the cache may answer it, its key is written to `key`.
    #[inline]
    pub(crate) fn read<B: Body>(
        config: &Config,
        variances: &Variances,
        request: &Request<B>,
        shown: &Shown,
        key: &mut KeyBuf,
    ) -> Self {
        let (mut facts, host) =
            RequestFacts::read_with_host(request.method(), request.headers(), &config.telling);
        let digest = match facts.method {
            MethodClass::Get | MethodClass::Head => None,
            _ => request.extensions().get::<BodyDigest>(),
        };
        let beside = |facts: RequestFacts| match facts.method {
            MethodClass::Unsafe => Self::Unsafe(facts, host.cloned()),
            _ => Self::Pass(None),
        };
        let asks = matches!(facts.method, MethodClass::Get | MethodClass::Head);
        if !asks && digest.is_none() {
            return beside(facts);
        }
        let place = config.rules.for_request(request, host);
        let rule = config.rules.get(place);
        if !asks && !rule.is_some_and(|rule| rule.body_key) {
            return beside(facts);
        }
        if let Some(refusal) = refusal(config, request, &facts, (rule, digest)) {
            return Self::Pass(Some(refusal));
        }
        if rule.is_some_and(|rule| rule.ignore_client_control) {
            facts.control.drop_demands();
        }
        let variance = write_key(key, variances, request, (host, shown), &facts, rule);
        let credentials = credential_use(config, request.headers(), &facts, rule);
        if let Some(digest) = digest {
            key::add_body(key, request, digest);
            // From here on it is treated like any other request.
            facts = facts.of_whole();
        }
        let extensions = request.extensions();
        let directive = extensions.get::<Directive>().copied();
        let explain = config.explains(extensions);
        // Only a few requests have a directive: the others do not look for it.
        let jitter = directive.and_then(|_| extensions.get::<LifetimeJitter>());
        Self::Lookup(LookupRequest {
            facts,
            rule: place,
            credentials,
            directive,
            jitter: jitter.map(|jitter| jitter.0),
            background: directive == Some(Directive::RefreshNow)
                && extensions.get::<Background>().is_some(),
            stripped: false,
            body_key: digest.is_some(),
            variance,
            explain,
            tells_tags: explain && asks_for_tags(extensions),
        })
    }
}

/// Returns why the cache takes no part in a request of a method that it answers.
#[inline]
fn refusal<B: Body>(
    config: &Config,
    request: &Request<B>,
    facts: &RequestFacts,
    (rule, digest): (Option<&Rule>, Option<&BodyDigest>),
) -> Option<Refusal> {
    let is_private = || {
        let private_if = &config.private_if;
        private_if.is_private(request.extensions(), request.headers())
    };
    Some(if rule.is_some_and(|rule| rule.bypass) {
        Refusal::Rule
    } else if is_private() {
        Refusal::PrivateIf
    } else if facts.cookie && config.cookies(rule) == Cookies::Bypass {
        Refusal::Cookie
    } else if facts.precondition {
        Refusal::Precondition
    } else if facts.ambiguous_host || has_userinfo(request.uri()) {
        Refusal::Host
    } else if facts.overridden {
        Refusal::Override
    } else if KeyPart::of(request.extensions()).is_err() {
        Refusal::KeyTooLong
    } else if digest.is_none() && Presence::of(request) != Presence::Absent {
        // The meaning of a GET with a body depends on its upstream; the key would not hold it.
        Refusal::Body
    } else {
        return None;
    })
}

/// Writes the key of a request. Returns the variance that the key is made with, unless a rule
/// chooses the parameters.
#[inline]
fn write_key<B>(
    key: &mut KeyBuf,
    variances: &Variances,
    request: &Request<B>,
    (host, shown): (Option<&HeaderValue>, &Shown),
    facts: &RequestFacts,
    rule: Option<&Rule>,
) -> Option<Variance> {
    let spec = rule.map(|rule| &rule.key);
    let variance = match spec.map(|spec| &spec.query) {
        None | Some(QueryKey::All) if IS_HEARD => variances.get(request),
        _ => None,
    };
    let told = (shown.scheme(request), host);
    key::write(key, request, told, facts, spec, variance.as_ref());
    key::add_rewritten(key, shown);
    key::add_part(key, request.extensions());
    variance
}

/// Returns what the credentials of a request mean, if it has any.
#[inline]
pub(super) fn credential_use(
    config: &Config,
    headers: &HeaderMap,
    facts: &RequestFacts,
    rule: Option<&Rule>,
) -> CredentialUse {
    match (facts.authorization, rule) {
        (true, Some(rule)) if rule.key.authorised => CredentialUse::Shared,
        (true, rule) => {
            let keyed = rule.map_or(&[][..], |rule| &rule.key.headers);
            let credentials = &config.telling.credentials;
            match credentials.are_all_in(headers, keyed) {
                true => CredentialUse::Keyed,
                false => CredentialUse::Personal,
            }
        }
        (false, _) => CredentialUse::Personal,
    }
}

/// Copies method, target and header fields of a request.
#[inline]
pub(crate) fn head_of<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    head.method_mut().clone_from(request.method());
    head.uri_mut().clone_from(request.uri());
    head.headers_mut().clone_from(request.headers());
    head
}

/// Returns whether a layer outside asks for the tags of a response, besides its verdict.
pub(crate) fn asks_for_tags(extensions: &Extensions) -> bool {
    extensions.get::<TellTags>().is_some()
}

// === impl Config ===

impl Config {
    /// Returns whether the response to a request with these extensions carries a verdict.
    pub(crate) fn explains(&self, extensions: &Extensions) -> bool {
        self.explain || extensions.get::<Explain>().is_some()
    }
}

// === impl LookupRequest ===

impl LookupRequest {
    /// Returns the GET that a response to an unsafe request also answers.
    pub(crate) fn of_write(facts: RequestFacts, rule: Place, explain: bool) -> Self {
        Self {
            facts,
            rule,
            credentials: CredentialUse::Personal,
            directive: None,
            jitter: None,
            background: false,
            stripped: false,
            body_key: false,
            variance: None,
            explain,
            tells_tags: false,
        }
    }

    /// Returns the GET without conditions that updates the whole stored response.
    pub(crate) fn for_refresh(&self) -> Self {
        Self {
            facts: self.facts.clone().of_whole(),
            background: true,
            ..self.clone()
        }
    }

    /// Returns whether the response belongs to one caller: in a shared cache, for a request with
    /// credentials that are not all in its key, and that no rule declares to be of no effect.
    pub(crate) fn is_personal(&self, mode: Mode) -> bool {
        self.facts.authorization
            && self.credentials == CredentialUse::Personal
            && mode == Mode::Shared
    }

    /// Returns whether a response with this status may be shared with callers that have other
    /// credentials, though the origin does not say so: whether it was fetched for this request, or
    /// stored for another.
    ///
    /// An operator's rule may say that cookies change no response. It does not say so of a response
    /// that refuses the caller, unless cookies have selected it, or the rule names those that count.
    pub(crate) fn shares(&self, config: &Config, status: StatusCode, by: &Selection) -> bool {
        if self.is_personal(config.mode) {
            return false;
        }
        if !self.facts.cookie || !refuses_caller(status) || config.mode == Mode::Private {
            return true;
        }
        let rule = config.rules.get(self.rule);
        rule.is_some_and(|rule| !rule.key.cookies.is_empty())
            || by.names().any(|name| *name == header::COOKIE)
    }

    /// Returns whether it is made ahead of time, without a caller who waits for the response.
    #[inline]
    pub(crate) fn is_prefetch(&self) -> bool {
        self.directive == Some(Directive::Prefetch)
    }

    /// Returns whether it may be answered from the store only.
    pub(crate) fn only_if_cached(&self) -> bool {
        self.facts.control.only_if_cached || self.directive == Some(Directive::OnlyIfCached)
    }
}

// === impl Shown ===

impl Shown {
    /// Puts the target URI in place, if `find` returns one.
    #[inline]
    pub(crate) fn swap<B>(find: TargetUri, request: &mut Request<B>) -> Self {
        let target = find.of(request.extensions(), request.uri());
        let received = target.received;
        if std::ptr::eq(target.uri, request.uri()) {
            let instead = None;
            return Self { instead, received };
        }
        let rewritten = target.rewritten.is_some();
        let target = target.uri.clone();
        let shown = std::mem::replace(request.uri_mut(), target);
        let instead = Some(Box::new(Instead { shown, rewritten }));
        Self { instead, received }
    }

    /// Returns the scheme of the target that is in place.
    #[inline]
    pub(crate) fn scheme<'a, B>(&self, request: &'a Request<B>) -> &'a str {
        scheme(request.uri(), request.version(), self.received)
    }

    /// Returns the request's own URI, if a response depends on it besides the target.
    pub(crate) fn rewritten(&self) -> Option<&Uri> {
        let instead = self.instead.as_ref()?;
        instead.rewritten.then_some(&instead.shown)
    }

    /// Restores the request's own URI for the inner service.
    pub(crate) fn restore<B>(self, request: &mut Request<B>) {
        if let Some(instead) = self.instead {
            *request.uri_mut() = instead.shown;
        }
    }

    /// Does the same for a copy of the request.
    pub(crate) fn restore_copy(&self, request: &mut Request<()>) {
        if let Some(instead) = &self.instead {
            request.uri_mut().clone_from(&instead.shown);
        }
    }
}
