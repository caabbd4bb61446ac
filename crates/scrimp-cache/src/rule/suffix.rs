//! Pages under the name of a static file.
//!
//! Many frameworks answer `/account/x.css` with the page of `/account`: the rest is "path info" to
//! them. A rule for `/**.css` would store that page for all callers: "web cache deception" (Gil,
//! 2017; Mirheidari et al., USENIX Security 2020). The media type reveals the page.

use http::{Request, Response};
use scrimp_http::media_type;

use super::Rule;

/// Media types of files by their extension. One that ends in `/` or `-` is a prefix, and one that
/// begins with `+` is a suffix. `application/octet-stream` is allowed for any file, as servers
/// send it for unknown types.
const TYPES: &[(&[&str], &[&str])] = &[
    (&["css"], &["text/css"]),
    (
        &["js", "mjs", "cjs", "jsx"],
        &[
            "text/javascript",
            "text/ecmascript",
            "application/ecmascript",
            "application/javascript",
            "application/x-javascript",
        ],
    ),
    (
        &["json", "map", "webmanifest"],
        &["application/json", "+json", "text/json"],
    ),
    (
        &[
            "png", "apng", "jpg", "jpeg", "gif", "webp", "avif", "ico", "bmp", "svg", "svgz",
            "tif", "tiff", "heic", "jxl",
        ],
        &["image/"],
    ),
    (
        &["woff", "woff2", "ttf", "otf", "eot"],
        &[
            "font/",
            "application/font-",
            "application/x-font-",
            "application/vnd.ms-fontobject",
        ],
    ),
    (
        &[
            "mp4", "webm", "ogv", "mov", "avi", "mkv", "m4v", "ts", "m3u8", "mpd",
        ],
        &[
            "video/",
            "audio/",
            "application/vnd.apple.mpegurl",
            "application/x-mpegurl",
            "application/dash+xml",
        ],
    ),
    (
        &[
            "mp3", "ogg", "oga", "flac", "wav", "m4a", "aac", "opus", "mid", "midi",
        ],
        &["audio/", "video/ogg", "application/ogg"],
    ),
    (&["pdf"], &["application/pdf"]),
    (&["wasm"], &["application/wasm"]),
    (
        &["txt", "csv", "md"],
        &["text/plain", "text/csv", "application/csv", "text/markdown"],
    ),
    (
        &["xml", "rss", "atom", "xsl"],
        &["text/xml", "application/xml", "+xml", "text/xsl"],
    ),
    (
        &[
            "zip", "gz", "tgz", "bz2", "xz", "zst", "7z", "rar", "tar", "jar", "exe", "dmg", "iso",
            "apk", "bin",
        ],
        &["application/"],
    ),
    (
        &[
            "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf", "ps", "eps",
        ],
        &["application/", "text/rtf"],
    ),
];

/// Media type that any file may have.
const ANY: &str = "application/octet-stream";

impl Rule {
    /// Returns whether the rule matches the suffix of a path, but the response is no such file:
    /// its media type differs from the suffix. A response without a type is accepted.
    pub(crate) fn is_deceived<A, B>(&self, request: &Request<A>, response: &Response<B>) -> bool {
        let chooses = self
            .when
            .path
            .as_ref()
            .is_some_and(|path| goes_by_suffix(path.as_str()));
        if !chooses || self.when.content_type.is_some() {
            return false;
        }
        let media_type = media_type::of(response.headers());
        match (extension(request.uri().path()), media_type) {
            (Some(extension), Some(found)) => !fits(extension, found),
            _ => false,
        }
    }
}

/// Returns whether a pattern names an extension, but not the file: `/**.css`, `/a/*.css`.
fn goes_by_suffix(pattern: &str) -> bool {
    let open = pattern.rfind(['*', '}']);
    open.is_some_and(|at| !pattern[at..].contains('/') && pattern[at..].contains('.'))
}

fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}

/// Returns whether a file of this extension may have this media type. Not all extensions are
/// known: the others may be anything but a page.
fn fits(extension: &str, media_type: &[u8]) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    let is = |wanted: &str| match wanted.as_bytes() {
        suffix @ [b'+', ..] => media_type.ends_with(suffix),
        prefix @ [.., b'/' | b'-'] => media_type.starts_with(prefix),
        whole => media_type == whole,
    };
    let known = TYPES.iter().find(|(extensions, _)| {
        extensions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
    });
    // A page for one user has one of these types.
    let page = is("text/html") || is("application/xhtml+xml");
    let data = is("application/json") || is("+json");
    match known {
        Some((extensions, types)) => {
            let made = page || (data && !extensions.contains(&"json"));
            is(ANY) || (!made && types.iter().any(|wanted| is(wanted)))
        }
        None => !page || extension.to_ascii_lowercase().contains("htm"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_go_by_suffix_leave_the_rest_of_the_name_open() {
        for pattern in ["/**.css", "/static/*.js", "/{name}.png", "/a/x-*.min.js"] {
            assert!(goes_by_suffix(pattern), "{pattern}");
        }
        for pattern in [
            "/**",
            "/a/x.css",
            "/*/x.css",
            "/static/**",
            "/{a}/b.js",
            "/v1.0/*",
        ] {
            assert!(!goes_by_suffix(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_file_has_the_type_that_its_name_promises() {
        for (extension, media_type) in [
            ("css", "text/css"),
            ("CSS", "Text/CSS"),
            ("js", "application/javascript"),
            ("svg", "image/svg+xml"),
            ("woff2", "application/font-woff2"),
            ("gz", "application/x-gzip"),
            ("png", "application/octet-stream"),
            ("unheard-of", "application/unheard-of"),
            ("html", "text/html"),
            ("shtml", "text/html"),
            ("json", "application/vnd.api+json"),
            ("xml", "application/rss+xml"),
            ("m3u8", "audio/mpegurl"),
        ] {
            assert!(
                fits(extension, media_type.as_bytes()),
                "{extension} {media_type}"
            );
        }
        for (extension, media_type) in [
            ("css", "text/html"),
            ("js", "application/json"),
            ("png", "text/html"),
            ("docx", "application/xhtml+xml"),
            ("css", "text/css-not"),
            ("unheard-of", "text/html"),
            ("css", ""),
            ("zip", "application/json"),
            ("docx", "application/problem+json"),
            ("xml", "application/xhtml+xml"),
        ] {
            assert!(
                !fits(extension, media_type.as_bytes()),
                "{extension} {media_type}"
            );
        }
    }
}
