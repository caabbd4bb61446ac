//! Reasons not to store a response.

scrimp_core::reasons! {
    /// Reason why a response is not stored. The word goes into `Cache-Status` as its `detail`.
    pub(crate) enum Refusal;
    /// Counters of the reasons.
    pub(crate) struct Refusals;
    /// Responses of the upstream that were not stored, by reason.
    ///
    /// The reason is also the `detail` in Cache-Status and the name in JSON, with `-` in place of `_`
    /// (`overridden` is `override` there). The last four are only known after Cache-Status was sent,
    /// and not counted for a response that several requests share, as each of them may store it.
    /// Responses to HEAD and to methods that a cache does not store have no such reason.
    pub struct NotStored;

    /// `no-store` in the response or the request.
    NoStore => no_store, "no-store";
    /// `no-cache` in the response, which has no validator: it could never be used.
    NoCache => no_cache, "no-cache";
    /// `private` in the response, for a shared cache.
    Private => private, "private";
    /// The request had credentials, and nothing allows to share its response (RFC 9111 §3.5). See
    /// the rule words `auth=shared` and `header=`.
    Authorization => authorization, "authorization";
    /// The response sets a cookie.
    SetCookie => set_cookie, "set-cookie";
    /// `Vary: *`.
    VaryStar => vary_star, "vary-star";
    /// A field that selects the response came under a name with `_`.
    Disguised => field_name, "field-name";
    /// The status code is never stored, or not in place of the response that is stored.
    Status => status, "status";
    /// The response is an event stream or the like, and no rule keeps it (`events=keep`), or its events
    /// cannot be found.
    EventStream => event_stream, "event-stream";
    /// Neither the origin nor a rule gives a lifetime.
    NotCacheable => no_lifetime, "no-lifetime";
    /// The response is a part, or its length contradicts itself.
    Partial => partial, "partial";
    /// The body is larger than the limit of the rule or the store, or the response has more than 16,384
    /// names of fields.
    TooLarge => too_large, "too-large";
    /// The response has too many tags.
    TooManyTags => too_many_tags, "too-many-tags";
    /// The media type does not fit the file name that the rule goes by.
    ContentType => content_type, "content-type";
    /// No-Vary-Search contradicts the key that was looked up.
    SearchVariance => no_vary_search, "no-vary-search";
    /// A rule says `bypass`.
    Rule => rule, "rule";
    /// The request is private by a function of the operator.
    PrivateIf => private_if, "private-if";
    /// The request had a cookie, and no rule decides about cookies.
    Cookie => cookie, "cookie";
    /// The request has a condition that only the origin can answer.
    Precondition => precondition, "precondition";
    /// The request names its host in two ways, or with a user.
    Host => host, "host";
    /// The request asks for another method or URL than it shows.
    Override => overridden, "override";
    /// The operator's function gave the request a part of a key that is too long.
    KeyTooLong => key_too_long, "key-too-long";
    /// The request has a body that the key does not hold.
    Body => body, "body";
    /// The body was not read to its end, broke off, or was not as long as announced.
    Incomplete => incomplete, "incomplete";
    /// The store had no memory for a further body in progress.
    NoMemory => no_memory, "no-memory";
    /// A rule's `store_if` returned false.
    StoreIf => store_if, "store-if";
    /// The answer of a language model is not complete, and a rule keeps complete ones only
    /// (`answers=complete`).
    Answer => answer, "answer";
}
