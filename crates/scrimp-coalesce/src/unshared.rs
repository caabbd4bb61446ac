//! Reasons not to share a response.

scrimp_core::reasons! {
    /// Reason why a request or a response is not shared.
    pub(crate) enum Unshared;
    /// Counters of the reasons.
    pub(crate) struct UnsharedCounters;
    /// Requests and responses that were not shared, by reason.
    ///
    /// Each request that is sent on its own because of what it is counts once, and each response
    /// that may go to one caller only.
    pub struct NotShared;

    /// The request's method is not shared.
    Method => method, "method";
    /// The request has a body that no digest identifies.
    Body => body, "body";
    /// The request asks for something that takes a call of its own, such as an upgrade.
    OwnCall => own_call, "own-call";
    /// The operator's function made no key for the request.
    Key => key, "key";
    /// The operator's function gave the request a part of a key that is too long.
    KeyTooLong => key_too_long, "key-too-long";
    /// The request is private by a function of the operator.
    PrivateIf => private_if, "private-if";
    /// The response is not a final one.
    NotFinal => not_final, "not-final";
    /// The response is an event stream or the like.
    EventStream => event_stream, "event-stream";
    /// The response sets a cookie.
    SetCookie => set_cookie, "set-cookie";
    /// Vary names a field that is not part of the key.
    Vary => vary, "vary";
    /// `private` in the response.
    Private => private, "private";
    /// `no-store` in the response.
    NoStore => no_store, "no-store";
    /// The response has a field that a qualified `private` or `no-cache` names.
    WithheldField => withheld_field, "withheld-field";
    /// The response is a step of the authentication of one client.
    Challenge => challenge, "challenge";
    /// A cache below has stored the response for one user.
    StoredForOne => stored_for_one, "stored-for-one";
}
