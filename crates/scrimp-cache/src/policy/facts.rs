//! The facts of a request and of a response, each read once.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{self, ValueIter},
};

use scrimp_http::{
    cache_control::RequestControl,
    credentials::Credentials,
    method,
    names::{Sieve, repeats_none},
    role::{DECIDING, is_indifferent},
    stream::Pieces,
    target::{HostBytes, OVERRIDING, RETELLING, forwarded_claims, overrides, retells},
};

/// Class of a method for a cache (RFC 9110 §9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodClass {
    Get,
    Head,
    /// A safe method that a cache does not answer: OPTIONS, TRACE and the like.
    Safe,
    /// A method that changes something: its success invalidates (RFC 9111 §4.4). An unknown method
    /// counts as unsafe.
    Unsafe,
}

/// Everything the policy needs from a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestFacts {
    pub(crate) method: MethodClass,
    pub(crate) control: RequestControl,
    /// A field that identifies the caller.
    pub(crate) authorization: bool,
    pub(crate) cookie: bool,
    pub(crate) range: bool,
    /// If-None-Match or If-Modified-Since: a cache can answer these.
    pub(crate) conditional: bool,
    /// If-Match or If-Unmodified-Since: only an origin can answer these.
    pub(crate) precondition: bool,
    /// More than one Host, or one that two readers may take for two hosts.
    pub(crate) ambiguous_host: bool,
    pub(crate) host: bool,
    /// Capitals in the host, which have no meaning.
    pub(crate) host_in_capitals: bool,
    /// A field that upstreams may prefer to the target URI: see [`retells`].
    pub(crate) retold: bool,
    /// A field that may turn it into another request: see [`overrides`].
    pub(crate) overridden: bool,
}

/// Filter that passes all fields that [`RequestFacts`] are read from, except credentials.
static TELLING: Sieve = DECIDING
    .sieve()
    .or(RETELLING.sieve())
    .or(OVERRIDING.sieve());

/// The fields that identify the caller, and a filter that passes these and all other fields that
/// decide how a request is treated.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    pub(crate) credentials: Credentials,
    /// The list of credentials is the default.
    plain: bool,
    sieve: Sieve,
}

/// Fields that decide how a response is treated. Most responses have a few of them, and a map
/// look-up costs as much for an absent field as for a present one: so one pass finds those
/// present.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    headers: &'a HeaderMap,
    content_type: Option<&'a HeaderValue>,
    /// The first line of each field.
    first: [Option<&'a HeaderValue>; Field::COUNT],
    /// Lengths of the names of all other fields: a bit for each, modulo 64.
    others: u64,
    /// Flag that no field has several lines.
    repeats_none: bool,
}

/// The lines of a field of a response.
pub(crate) enum Lines<'a> {
    One(Option<&'a HeaderValue>),
    Several(ValueIter<'a, HeaderValue>),
}

/// One of those fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Age,
    CacheControl,
    ContentLength,
    ContentRange,
    Date,
    ETag,
    Expires,
    LastModified,
    SetCookie,
    /// The last one: it counts them.
    Vary,
}

// === impl Telling ===

impl Telling {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            sieve: TELLING.or(credentials.sieve()),
            plain: credentials.is_plain(),
            credentials,
        }
    }

    /// Returns false for a field that decides nothing, as most fields.
    #[inline]
    fn may_tell(&self, name: &HeaderName) -> bool {
        !(self.plain && is_indifferent(name)) && self.sieve.lets_through(name.as_str())
    }
}

impl Default for Telling {
    fn default() -> Self {
        Self::new(Credentials::default())
    }
}

// === impl RequestFacts ===

impl RequestFacts {
    /// Reads a request in one pass over its header fields.
    pub(crate) fn read(method: &Method, headers: &HeaderMap, telling: &Telling) -> Self {
        Self::read_with_host(method, headers, telling).0
    }

    /// Reads a request, and returns its Host too, which the key needs, from the same pass.
    #[inline]
    pub(crate) fn read_with_host<'a>(
        method: &Method,
        headers: &'a HeaderMap,
        telling: &Telling,
    ) -> (Self, Option<&'a HeaderValue>) {
        let mut host = None;
        let mut facts = Self {
            method: class(method),
            control: RequestControl::default(),
            authorization: false,
            cookie: false,
            range: false,
            conditional: false,
            precondition: false,
            ambiguous_host: false,
            host: false,
            host_in_capitals: false,
            retold: false,
            overridden: false,
        };
        let mut control = false;
        for (name, value) in headers {
            // First, as every request has it.
            if *name == header::HOST {
                facts.note_host(value);
                host.get_or_insert(value);
            } else if telling.may_tell(name) {
                facts.note(name, value, telling, &mut control);
            }
        }
        if control {
            facts.control = RequestControl::parse(headers.get_all(header::CACHE_CONTROL));
        }
        (facts, host)
    }

    /// Returns the facts of a GET for the whole response, without conditions.
    pub(crate) fn of_whole(self) -> Self {
        Self {
            method: MethodClass::Get,
            range: false,
            conditional: false,
            ..self
        }
    }

    fn note_host(&mut self, value: &HeaderValue) {
        let bytes = HostBytes::of(value);
        self.ambiguous_host |= self.host || !bytes.plain;
        self.host_in_capitals = bytes.capitals;
        self.host = true;
    }

    fn note(
        &mut self,
        name: &HeaderName,
        value: &HeaderValue,
        telling: &Telling,
        control: &mut bool,
    ) {
        match *name {
            header::CACHE_CONTROL => *control = true,
            header::COOKIE => self.cookie = true,
            header::IF_NONE_MATCH | header::IF_MODIFIED_SINCE => self.conditional = true,
            header::IF_MATCH | header::IF_UNMODIFIED_SINCE => self.precondition = true,
            header::RANGE => self.range = true,
            _ => {
                self.authorization |= telling.credentials.contains(name);
                // Forwarded with addresses alone claims nothing of the target.
                let claims = || {
                    *name != header::FORWARDED
                        || forwarded_claims(value.as_bytes()).next().is_some()
                };
                self.retold |= retells(name) && claims();
                self.overridden |= overrides(name);
            }
        }
    }
}

fn class(method: &Method) -> MethodClass {
    match *method {
        Method::GET => MethodClass::Get,
        Method::HEAD => MethodClass::Head,
        // It is a tunnel: its target is not a resource that could be stored or changed.
        Method::CONNECT => MethodClass::Safe,
        _ if method::is_safe(method) => MethodClass::Safe,
        _ => MethodClass::Unsafe,
    }
}

// === impl Answer ===

impl<'a> Answer<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Self {
        let mut answer = Self {
            headers,
            content_type: None,
            first: [None; Field::COUNT],
            others: 0,
            repeats_none: repeats_none(headers),
        };
        for (name, value) in headers {
            if let Some(field) = Field::of(name) {
                answer.first[field as usize].get_or_insert(value);
            } else if *name == header::CONTENT_TYPE {
                answer.content_type.get_or_insert(value);
            } else {
                answer.others |= length_bit(name);
            }
        }
        answer
    }

    /// Returns the division of the body, if it is a stream.
    pub(crate) fn pieces(&self) -> Option<Pieces> {
        Pieces::of_type(self.content_type?, self.headers)
    }

    pub(crate) fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        self.first[field as usize].is_some()
    }

    /// Returns false only if the response has no field of this name.
    pub(crate) fn may_have(&self, name: &HeaderName) -> bool {
        let is_other = Field::of(name).is_none() && *name != header::CONTENT_TYPE;
        !is_other || self.others & length_bit(name) != 0
    }

    /// Returns all lines of a field.
    pub(crate) fn all(&self, field: Field) -> Lines<'a> {
        match self.first[field as usize] {
            Some(_) if !self.repeats_none => {
                Lines::Several(self.headers.get_all(field.name()).iter())
            }
            first => Lines::One(first),
        }
    }

    /// Returns the line of a field with exactly one: of two, it is unknown which is meant.
    pub(crate) fn only(&self, field: Field) -> Option<&'a HeaderValue> {
        let mut lines = self.all(field);
        lines.next().filter(|_| lines.next().is_none())
    }
}

/// Returns the bit for the length of a name.
fn length_bit(name: &HeaderName) -> u64 {
    1 << (name.as_str().len() % 64)
}

// === impl Lines ===

impl<'a> Iterator for Lines<'a> {
    type Item = &'a HeaderValue;

    #[inline]
    fn next(&mut self) -> Option<&'a HeaderValue> {
        match self {
            Self::One(line) => line.take(),
            Self::Several(lines) => lines.next(),
        }
    }
}

// === impl Field ===

impl Field {
    const COUNT: usize = Self::Vary as usize + 1;

    /// Returns the field of a name. The http crate knows all of them by number.
    #[inline]
    fn of(name: &HeaderName) -> Option<Self> {
        Some(match *name {
            header::AGE => Self::Age,
            header::CACHE_CONTROL => Self::CacheControl,
            header::CONTENT_LENGTH => Self::ContentLength,
            header::CONTENT_RANGE => Self::ContentRange,
            header::DATE => Self::Date,
            header::ETAG => Self::ETag,
            header::EXPIRES => Self::Expires,
            header::LAST_MODIFIED => Self::LastModified,
            header::SET_COOKIE => Self::SetCookie,
            header::VARY => Self::Vary,
            _ => return None,
        })
    }

    fn name(self) -> HeaderName {
        match self {
            Self::Age => header::AGE,
            Self::CacheControl => header::CACHE_CONTROL,
            Self::ContentLength => header::CONTENT_LENGTH,
            Self::ContentRange => header::CONTENT_RANGE,
            Self::Date => header::DATE,
            Self::ETag => header::ETAG,
            Self::Expires => header::EXPIRES,
            Self::LastModified => header::LAST_MODIFIED,
            Self::SetCookie => header::SET_COOKIE,
            Self::Vary => header::VARY,
        }
    }
}

#[cfg(test)]
mod tests;
