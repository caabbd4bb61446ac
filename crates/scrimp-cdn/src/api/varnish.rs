//! Varnish.

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::Full;
use scrimp_core::{BoxError, Purge, PurgeTarget, SettingError};
use scrimp_http::{groups::XKEY, target::host_without_port};

use super::{
    BatchLimits, CdnApi,
    parts::{Endpoint, empty, key, plain_authority, tag_prefix, target},
};
use crate::{
    item::{Expressed, ItemKind, PurgeItem},
    tag::{CUT, encoded, tag_key},
};

const OWNER: &str = "Varnish";

/// VCL that carries out the purges of [`Varnish`], and reads the fields of [`Cdn::Varnish`]. Put it
/// after the definition of the backend. It needs Varnish 7.0 and the vmod xkey.
///
/// [`Cdn::Varnish`]: crate::Cdn::Varnish
pub const VARNISH_VCL: &str = concat!(
    include_str!("../../vcl/acl.vcl"),
    include_str!("../../vcl/xkey.vcl"),
    include_str!("../../vcl/purge.vcl")
);

/// The same without the vmod xkey, for [`Varnish::bans_only`].
pub const VARNISH_BAN_VCL: &str = concat!(
    include_str!("../../vcl/acl.vcl"),
    include_str!("../../vcl/purge.vcl")
);

/// One Varnish, with [`VARNISH_VCL`] or VCL that does the same. Several have a purger each.
///
/// | purge | request |
/// |---|---|
/// | tag, prefix of tags that ends in `:` or `/` | `PURGE /` with up to 256 keys in `xkey` |
/// | URI | `PURGE /path?query` with Host |
/// | prefix of URIs, authority, group, pattern, everything, URI on every authority | `BAN /` with an expression in `x-scrimp-ban` |
///
/// Soft purges have `x-scrimp-soft: 1`. A ban is always hard.
#[derive(Debug, Clone)]
#[must_use]
pub struct Varnish {
    endpoint: Endpoint,
    bans_only: bool,
}

/// Limits of one field with keys: Varnish's `http_req_hdr_len` is 8 KiB by default.
const KEYS: BatchLimits = BatchLimits {
    items: 256,
    bytes: 7_000,
};

// === impl Varnish ===

impl Varnish {
    /// Takes the address of Varnish, such as `http://127.0.0.1:6081`.
    pub fn new(endpoint: impl TryInto<Uri, Error: Into<BoxError>>) -> Self {
        Self {
            endpoint: Endpoint::new(OWNER, "endpoint", endpoint),
            bans_only: false,
        }
    }

    /// Purges tags by bans on the field `xkey`, without the vmod xkey. Default: by key.
    pub fn bans_only(mut self) -> Self {
        self.bans_only = true;
        self
    }

    fn keys(&self, found: Expressed) -> Expressed {
        let as_ban = |item: PurgeItem| match item.kind {
            ItemKind::Key => ban(&with_key(&escaped(&item.value))).with_soft(item.soft),
            _ => item,
        };
        match found {
            Expressed::Exactly(items) if self.bans_only => {
                Expressed::Exactly(items.into_iter().map(as_ban).collect())
            }
            found => found,
        }
    }
}

impl CdnApi for Varnish {
    fn name(&self) -> &'static str {
        "varnish"
    }

    fn check(&self) -> Result<(), SettingError> {
        self.endpoint.check()
    }

    fn express(&self, purge: &Purge) -> Expressed {
        let items = match &purge.target {
            PurgeTarget::Tag(tag) => return self.keys(Expressed::Exactly(vec![key(tag_key(tag))])),
            PurgeTarget::TagPrefix(prefix) => match tag_prefix(prefix) {
                Expressed::Exactly(items) => return self.keys(Expressed::Exactly(items)),
                _ => vec![ban(&with_key(&format!(
                    "{}{IN_KEY}*",
                    escaped(&encoded(prefix))
                )))],
            },
            PurgeTarget::Glob(pattern) => {
                let tags = pattern.split('*').map(|part| escaped(&encoded(part)));
                let tags = tags.collect::<Vec<_>>().join(&format!("{IN_KEY}*"));
                let paths = pattern.split('*').map(escaped);
                let paths = paths.collect::<Vec<_>>().join(".*");
                vec![ban(&with_key(&tags)), ban(&with_url(&format!("^{paths}$")))]
            }
            PurgeTarget::Uri(uri) => match uri.authority() {
                Some(site) => {
                    let url = format!("{}{}", plain_authority(site.as_str()), target(uri));
                    vec![PurgeItem::new(ItemKind::Url, url)]
                }
                None => vec![ban(&with_url(&format!("^{}$", escaped(target(uri)))))],
            },
            PurgeTarget::UriPrefix(uri) => {
                let urls = with_url(&format!("^{}", escaped(uri.path())));
                let host = uri.authority().map(|site| with_host(site.as_str()));
                vec![ban(&host
                    .into_iter()
                    .chain([urls])
                    .collect::<Vec<_>>()
                    .join(" && "))]
            }
            PurgeTarget::Authority(authority) => vec![ban(&with_host(authority))],
            PurgeTarget::Group { authority, .. } => {
                return Expressed::Wider(vec![ban(&with_host(authority))]);
            }
            PurgeTarget::Everything => vec![PurgeItem::everything()],
            _ => return Expressed::Not,
        };
        Expressed::Exactly(items)
    }

    fn widen(&self, item: &PurgeItem) -> Option<PurgeItem> {
        let site = item.value.split('/').next().unwrap_or_default();
        (item.kind == ItemKind::Url).then(|| ban(&with_host(site)))
    }

    fn batch(&self, kind: ItemKind) -> BatchLimits {
        match kind {
            ItemKind::Key => KEYS,
            _ => BatchLimits::ONE,
        }
    }

    fn request(&self, items: &[PurgeItem]) -> Option<Request<Full<Bytes>>> {
        let first = items.first()?;
        let request = |method: &str, target: &str| {
            let method = Method::from_bytes(method.as_bytes()).ok()?;
            self.endpoint.request(method, target)
        };
        let builder = match first.kind {
            ItemKind::Key => {
                let keys: Vec<_> = items.iter().map(|item| &*item.value).collect();
                request("PURGE", "/")?.header(XKEY, keys.join(" "))
            }
            ItemKind::Url => {
                let (site, _) = first.value.split_once('/')?;
                request("PURGE", &first.value[site.len()..])?.header(header::HOST, site)
            }
            ItemKind::Expression => request("BAN", "/")?.header("x-scrimp-ban", &*first.value),
            ItemKind::Everything => request("BAN", "/")?.header("x-scrimp-ban", "obj.status != 0"),
            _ => return None,
        };
        empty(match first.soft {
            true => builder.header("x-scrimp-soft", "1"),
            false => builder,
        })
    }
}

fn ban(expression: &str) -> PurgeItem {
    PurgeItem::new(ItemKind::Expression, expression)
}

/// One byte of a key, and one that is in none. A ban is divided at spaces, so it cannot name them.
const IN_KEY: &str = "[!-+--~]";
const NOT_IN_KEY: &str = "[^!-+--~]";

/// Matches objects with a key that matches, and those with a key that was cut.
fn with_key(pattern: &str) -> String {
    let cut = format!("{CUT}[0-9A-F]*");
    format!("obj.http.xkey ~ (^|{NOT_IN_KEY})({pattern}|{cut})({NOT_IN_KEY}|$)")
}

fn with_url(pattern: &str) -> String {
    format!("obj.http.x-scrimp-url ~ {pattern}")
}

/// Matches the objects of a host, in every spelling of it.
fn with_host(authority: &str) -> String {
    let plain = plain_authority(authority);
    let port = match host_without_port(plain.as_bytes()).len() == plain.len() {
        true => "(:(80|443))?",
        false => "",
    };
    format!(
        "obj.http.x-scrimp-host ~ (?i)^{}[.]?{port}$",
        escaped(&plain)
    )
}

/// Returns a regular expression that matches a text. It has no mark that a ban reads as a quote, an
/// escape or a separator; such a mark matches any one byte.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'.' | b'+' | b'*' | b'?' | b'(' | b')' | b'$' | b'|' | b'{' | b'}' | b'#' => {
                pattern.extend(['[', char::from(byte), ']']);
            }
            b'[' | b']' | b'^' | b'"' | b'\\' | b'\'' => pattern.push('.'),
            byte if byte.is_ascii_graphic() => pattern.push(char::from(byte)),
            _ => pattern.push('.'),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_has_no_word_that_a_client_could_add() {
        let names = ["a\" && obj.status == 200", "a\\b", "a b", "é", "a'b"];
        for name in names {
            for target in [
                PurgeTarget::Glob(name.into()),
                PurgeTarget::TagPrefix(name.into()),
                PurgeTarget::Authority(name.into()),
            ] {
                let varnish = Varnish::new("http://127.0.0.1:1").bans_only();
                let (Expressed::Exactly(items) | Expressed::Wider(items)) =
                    varnish.express(&Purge::new(target))
                else {
                    panic!("{name} is expressed");
                };
                for item in items {
                    assert_eq!(item.value.split(' ').count(), 3, "{}", item.value);
                    assert!(!item.value.contains(['"', '\'']), "{}", item.value);
                }
            }
        }
    }
}
