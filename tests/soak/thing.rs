//! The things that callers ask for, and bodies that prove what they are.

use std::{fmt::Write, time::Duration};

use bytes::Bytes;

/// A kind of response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// Fresh for a second, never stale.
    Strict,
    /// Fresh for an hour, never stale: only invalidations make it new.
    Long,
    /// Fresh for a second, and stale for a while.
    Stale,
    /// For one user.
    Private,
    /// For one tenant.
    Tenant,
    /// For one language.
    Vary,
    /// Not to be stored.
    Live,
    /// Without a lifetime or a name, so that it is shared and not stored.
    Bare,
    /// Large, and streamed.
    Big,
    /// Invented by a flood. It has one version.
    Flood,
}

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) area: Area,
    pub(crate) number: u64,
}

/// A version of a resource, made for a user, a tenant or a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edition {
    pub(crate) thing: Thing,
    pub(crate) version: u64,
    /// [`ALL`] if it is the same for everyone.
    pub(crate) audience: String,
}

/// Audience of a resource that is the same for everyone.
pub(crate) const ALL: &str = "all";

/// Resources of each area that are written.
pub(crate) const NUMBERS: u64 = 12;

const BEGIN: &str = "{\"edition\":\"";

// === impl Area ===

impl Area {
    /// The areas that are written.
    pub(crate) const WRITTEN: [Self; 9] = [
        Self::Strict,
        Self::Long,
        Self::Stale,
        Self::Private,
        Self::Tenant,
        Self::Vary,
        Self::Live,
        Self::Bare,
        Self::Big,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Long => "long",
            Self::Stale => "stale",
            Self::Private => "private",
            Self::Tenant => "tenant",
            Self::Vary => "vary",
            Self::Live => "live",
            Self::Bare => "bare",
            Self::Big => "big",
            Self::Flood => "flood",
        }
    }

    pub(crate) fn cache_control(self) -> &'static str {
        match self {
            Self::Strict => "max-age=1, must-revalidate",
            Self::Long | Self::Vary => "max-age=3600, must-revalidate",
            Self::Stale => "max-age=1, stale-while-revalidate=2, stale-if-error=3",
            Self::Private => "private, max-age=60",
            Self::Tenant => "s-maxage=3600, must-revalidate",
            Self::Live => "no-store",
            Self::Bare => "",
            Self::Big => "max-age=30, must-revalidate",
            Self::Flood => "max-age=60",
        }
    }

    /// Returns how long a version may still be given after the next one was written and nothing
    /// was invalidated: the freshness lifetime, and staleness where it is allowed. `None` if it is
    /// so long that only invalidations count.
    pub(crate) fn lifetime(self) -> Option<Duration> {
        match self {
            Self::Private | Self::Live | Self::Bare => Some(Duration::ZERO),
            Self::Strict => Some(Duration::from_secs(1)),
            Self::Stale => Some(Duration::from_secs(4)),
            Self::Big => Some(Duration::from_secs(30)),
            Self::Long | Self::Vary | Self::Tenant | Self::Flood => None,
        }
    }

    /// Reports whether a soft invalidation rules out the old version: it may not be served stale.
    pub(crate) fn never_stale(self) -> bool {
        !matches!(self, Self::Stale | Self::Flood)
    }

    fn of(name: &str) -> Option<Self> {
        let areas = Self::WRITTEN.into_iter().chain([Self::Flood]);
        areas.into_iter().find(|area| area.name() == name)
    }

    fn length(self, seed: u64) -> usize {
        let seed = seed as usize;
        match self {
            Self::Big => 40_000 + seed % 260_000,
            _ => 100 + seed % 3_000,
        }
    }
}

// === impl Thing ===

impl Thing {
    /// Chooses one of those that are written.
    pub(crate) fn random(random: &mut fastrand::Rng) -> Self {
        let area = Area::WRITTEN[random.usize(..Area::WRITTEN.len())];
        // The lower numbers are asked for more often.
        let number = random.u64(0..NUMBERS).min(random.u64(0..NUMBERS));
        Self { area, number }
    }

    /// Chooses one that was never asked for.
    pub(crate) fn invented(random: &mut fastrand::Rng) -> Self {
        let number = random.u64(1 << 20..);
        Self {
            area: Area::Flood,
            number,
        }
    }

    /// Returns the path. Paths below `/api` may be batched.
    pub(crate) fn path(self) -> String {
        let base = match self.area {
            Area::Big => "web",
            _ => "api",
        };
        format!("/{base}/{}/{}", self.area.name(), self.number)
    }

    /// Reads a path, from its area on.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let mut parts = path.rsplit('/');
        let number = parts.next()?.parse().ok()?;
        let area = Area::of(parts.next()?)?;
        Some(Self { area, number })
    }

    pub(crate) fn tag(self) -> String {
        format!("item:{}:{}", self.area.name(), self.number)
    }

    /// Returns the name under which its versions are counted.
    pub(crate) fn entity(self) -> String {
        format!("entity:{}:{}", self.area.name(), self.number)
    }
}

// === impl Edition ===

impl Edition {
    pub(crate) fn name(&self) -> String {
        let Self {
            thing,
            version,
            audience,
        } = self;
        format!(
            "{}-{}-{version}-{audience}",
            thing.area.name(),
            thing.number
        )
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", self.name())
    }

    pub(crate) fn of_etag(etag: &str) -> Option<Self> {
        let etag = etag.strip_prefix("W/").unwrap_or(etag);
        Self::of_name(etag.strip_prefix('"')?.strip_suffix('"')?)
    }

    fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.splitn(4, '-');
        Some(Self {
            thing: Thing {
                area: Area::of(parts.next()?)?,
                number: parts.next()?.parse().ok()?,
            },
            version: parts.next()?.parse().ok()?,
            audience: parts.next()?.to_owned(),
        })
    }

    /// Writes the only body that this edition has: JSON with its name, its length, and text that
    /// depends on both and on the place within the body.
    pub(crate) fn render(&self) -> Bytes {
        let name = self.name();
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let length = self.thing.area.length(seed >> 20);
        let mut text = format!("{BEGIN}{name}\",\"length\":{length},\"text\":\"");
        let line = format!("{seed:016x}").repeat(64);
        while text.len() < length {
            let at = text.len();
            let _ = write!(text, "{at:08x}{line}");
        }
        text.truncate(length.max(BEGIN.len() + name.len() + 32));
        text.push_str("\"}");
        text.into()
    }

    /// Reads the name in a body, and returns the edition if the body is the one of this name.
    pub(crate) fn of_body(body: &[u8]) -> Option<Self> {
        let rest = body.strip_prefix(BEGIN.as_bytes())?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        let edition = Self::of_name(std::str::from_utf8(&rest[..end]).ok()?)?;
        (edition.render() == body).then_some(edition)
    }
}
