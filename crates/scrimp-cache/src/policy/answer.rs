//! The header fields of a response that a policy needs.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, GetAll},
};
use scrimp_http::stream::Pieces;

/// Fields that decide how a response is treated. Most responses have a few of them, and a map
/// look-up costs as much for an absent field as for a present one: so one pass finds those
/// present.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    headers: &'a HeaderMap,
    content_type: Option<&'a HeaderValue>,
    present: u16,
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
    Vary,
}

// === impl Answer ===

impl<'a> Answer<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Self {
        let mut answer = Self {
            headers,
            content_type: None,
            present: 0,
        };
        for (name, value) in headers {
            if let Some(field) = Field::of(name) {
                answer.present |= 1 << field as u16;
            } else if *name == header::CONTENT_TYPE {
                answer.content_type.get_or_insert(value);
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
        self.present & (1 << field as u16) != 0
    }

    /// Returns all lines of a field.
    pub(crate) fn all(&self, field: Field) -> Option<GetAll<'a, HeaderValue>> {
        self.has(field).then(|| self.headers.get_all(field.name()))
    }

    /// Returns the line of a field with exactly one: of two, it is unknown which is meant.
    pub(crate) fn only(&self, field: Field) -> Option<&'a HeaderValue> {
        let mut lines = self.all(field)?.into_iter();
        lines.next().filter(|_| lines.next().is_none())
    }
}

// === impl Field ===

impl Field {
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
mod tests {
    use super::*;

    const ALL: [Field; 10] = [
        Field::Age,
        Field::CacheControl,
        Field::ContentLength,
        Field::ContentRange,
        Field::Date,
        Field::ETag,
        Field::Expires,
        Field::LastModified,
        Field::SetCookie,
        Field::Vary,
    ];

    #[test]
    fn a_field_is_found_by_its_own_name_and_no_other() {
        for field in ALL {
            let mut headers = HeaderMap::new();
            headers.append(field.name(), HeaderValue::from_static("1"));
            let answer = Answer::read(&headers);
            for other in ALL {
                assert_eq!(answer.has(other), other == field, "{field:?} {other:?}");
            }
            assert!(answer.only(field).is_some());
            headers.append(field.name(), HeaderValue::from_static("1"));
            assert!(Answer::read(&headers).only(field).is_none());
        }
        let mut headers = HeaderMap::new();
        for name in [
            "accept-ranges",
            "content-type",
            "dnt",
            "link",
            "server",
            "via",
            "x",
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(""));
        }
        assert_eq!(Answer::read(&headers).present, 0);
    }
}
