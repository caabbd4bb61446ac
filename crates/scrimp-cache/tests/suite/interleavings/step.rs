//! The steps of a case.

use proptest::{collection::vec, prelude::*};

/// Number of resources at the origin: two in one folder, one in another.
pub const KEYS: usize = 3;
pub const PATHS: [&str; KEYS] = ["/a/0", "/a/1", "/b/2"];
pub const LISTS: [&str; KEYS] = ["list:a:0", "list:a:1", "list:b:2"];

#[derive(Debug, Clone)]
pub struct Case {
    /// Responses of the origin to its calls, repeated in a cycle.
    pub shapes: Vec<Shape>,
    pub lagging: bool,
    pub steps: Vec<Step>,
}

/// Response of the origin to one call.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub etag: bool,
    pub versioned: bool,
    pub while_revalidate: bool,
    pub gated_head: bool,
    pub gated_body: bool,
    pub frames: usize,
    pub end: End,
    /// A response from a replica that is one write behind, if the case has any.
    pub behind: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Well,
    /// 503.
    Error,
    /// No response at all.
    Lost,
    /// A body that breaks off.
    Broken,
}

#[derive(Debug, Clone, Copy)]
pub enum How {
    Plain,
    Head,
    NoCache,
    MaxStale,
    OnlyIfCached,
}

#[derive(Debug, Clone, Copy)]
pub enum Step {
    Ask(usize, How),
    Post(usize),
    Write(usize),
    Invalidate(What, bool),
    Poll(usize),
    Frame(usize),
    Open(usize),
    DropCall(usize),
    DropBody(usize),
    Advance(u64),
    /// Lets refreshes in the background take a step.
    Background,
}

#[derive(Debug, Clone, Copy)]
pub enum What {
    Tag(usize),
    /// A version this many writes behind the current one.
    Version(usize, u64),
    Prefix,
    GlobPrefix,
    Glob(usize),
    PathGlob,
    Uri(usize),
    Folder,
    Authority,
    Everything,
}

pub fn case(lagging: bool) -> impl Strategy<Value = Case> {
    (vec(shape(), 1..6), vec(step(), 1..60)).prop_map(move |(shapes, steps)| Case {
        shapes,
        lagging,
        steps,
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let end = prop_oneof![
        8 => Just(End::Well),
        1 => Just(End::Error),
        1 => Just(End::Lost),
        1 => Just(End::Broken),
    ];
    let flags = any::<(bool, bool, bool, bool, bool, bool)>();
    (flags, 1usize..3, end).prop_map(|(flags, frames, end)| {
        let (etag, versioned, while_revalidate, gated_head, gated_body, behind) = flags;
        Shape {
            etag,
            versioned,
            while_revalidate,
            gated_head,
            gated_body,
            frames,
            end,
            behind,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let how = prop_oneof![
        6 => Just(How::Plain),
        1 => Just(How::Head),
        1 => Just(How::NoCache),
        1 => Just(How::MaxStale),
        1 => Just(How::OnlyIfCached),
    ];
    prop_oneof![
        8 => (0..KEYS, how).prop_map(|(key, how)| Step::Ask(key, how)),
        1 => (0..KEYS).prop_map(Step::Post),
        3 => (0..KEYS).prop_map(Step::Write),
        4 => (what(), prop::bool::weighted(0.3)).prop_map(|(what, soft)| Step::Invalidate(what, soft)),
        10 => (0usize..4).prop_map(Step::Poll),
        8 => (0usize..4).prop_map(Step::Frame),
        6 => (0usize..3).prop_map(Step::Open),
        1 => (0usize..4).prop_map(Step::DropCall),
        1 => (0usize..4).prop_map(Step::DropBody),
        1 => (0u64..80).prop_map(Step::Advance),
        2 => Just(Step::Background),
    ]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        6 => (0..KEYS).prop_map(What::Tag),
        3 => (0..KEYS, 0u64..3).prop_map(|(key, behind)| What::Version(key, behind)),
        1 => Just(What::Prefix),
        1 => Just(What::GlobPrefix),
        1 => (0..KEYS).prop_map(What::Glob),
        1 => Just(What::PathGlob),
        1 => (0..KEYS).prop_map(What::Uri),
        1 => Just(What::Folder),
        1 => Just(What::Authority),
        1 => Just(What::Everything),
    ]
}

// === impl What ===

impl What {
    /// Returns whether it hits a key.
    pub fn hits(self, key: usize) -> bool {
        match self {
            Self::Tag(hit) | Self::Version(hit, _) | Self::Glob(hit) | Self::Uri(hit) => hit == key,
            Self::Prefix | Self::PathGlob | Self::Folder => key < 2,
            Self::GlobPrefix | Self::Authority | Self::Everything => true,
        }
    }
}
