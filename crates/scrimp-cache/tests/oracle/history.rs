//! Histories: one response, and the requests it might answer.

use scrimp_cache::Mode;

/// A request, the response to it, and later requests for the same target.
#[derive(Clone)]
pub struct History {
    pub mode: Mode,
    pub first: Asking,
    pub response: Answering,
    /// Seconds since the one before, and the request.
    pub later: Vec<(u64, Asking)>,
}

#[derive(Debug, Clone)]
pub struct Asking {
    pub control: Vec<Directive>,
    pub pragma: bool,
    pub authorization: bool,
    /// Lines of the field that the response may vary on.
    pub selecting: Vec<String>,
    pub verb: Verb,
    /// A request for the first byte only.
    pub range: bool,
    /// Confirmation by the origin, if the request asks for it.
    pub confirmed: Option<Confirmation>,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Head,
    /// GET, but sent without a condition if the origin is called: the meaning of a HEAD.
    GetOrAsk,
}

/// A 304: it has a Date, and the validators of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// It repeats the Cache-Control of the response.
    pub control: bool,
    /// It carries an Age of zero.
    pub age: bool,
}

#[derive(Debug, Clone)]
pub struct Answering {
    pub status: u16,
    pub control: Vec<Directive>,
    /// CDN-Cache-Control.
    pub targeted: Vec<Directive>,
    pub pragma: bool,
    pub date: Vec<When>,
    pub expires: Vec<When>,
    pub last_modified: Vec<When>,
    pub age: Vec<String>,
    pub etag: Vec<&'static str>,
    pub vary: Vec<&'static str>,
    pub set_cookie: bool,
}

/// A Cache-Control directive, and its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    pub name: &'static str,
    pub argument: Argument,
    pub spelling: Spelling,
    /// It begins a line of its own.
    pub new_line: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    None,
    Number(u64),
    Text(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Lower,
    Upper,
    Mixed,
}

/// A date: seconds from noon, in one of three formats, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Fixdate(i64),
    Rfc850(i64),
    Asctime(i64),
    Text(&'static str),
}

pub fn has(control: &[Directive], name: &str) -> bool {
    control.iter().any(|directive| directive.name == name)
}

pub fn remove(control: &mut Vec<Directive>, name: &str) {
    control.retain(|directive| directive.name != name);
}

impl Directive {
    pub fn flag(name: &'static str) -> Self {
        Self {
            name,
            argument: Argument::None,
            spelling: Spelling::Lower,
            new_line: false,
        }
    }

    pub fn seconds(name: &'static str, seconds: u64) -> Self {
        Self {
            argument: Argument::Number(seconds),
            ..Self::flag(name)
        }
    }
}

impl When {
    pub fn seconds(self) -> Option<i64> {
        match self {
            Self::Fixdate(at) | Self::Rfc850(at) | Self::Asctime(at) => Some(at),
            Self::Text(_) => None,
        }
    }
}
