//! Sections of the layers.

use super::{Part, SECRET, key};

pub(super) const PARTS: &[Part] = &[
    Part {
        name: "cache",
        title: "[cache]",
        about: "One cache for all routes that have it on.",
        keys: &[
            key(
                "memory",
                "\"1G\"",
                "\"256M\"",
                "Memory for stored responses.",
            ),
            key(
                "rules",
                "[\"path=/api/** ttl=5m\"]",
                "none",
                "Rules as text, the first that matches decides; see [rules.md](rules.md). With `body-key` in one, bodies of POSTs \
                 up to 1 MiB are read before the request goes on.",
            ),
            key(
                "mode",
                "\"private\"",
                "\"shared\"",
                "Cache for many users (`shared`) or for one (`private`).",
            ),
            key(
                "heuristics",
                "false",
                "true",
                "Takes a tenth of the age for the lifetime of a response that has none.",
            ),
            key(
                "trust_cookies",
                "true",
                "false",
                "Treats cookies like any field. Only if all personal responses are marked private.",
            ),
            key(
                "price",
                "\"0.002\"",
                "none",
                "Price of a call, for money saved, if the call itself has none.",
            ),
            key(
                "redis",
                "[cache.redis]",
                "none",
                "A tier below memory that several gateways share.",
            ),
            key(
                "disk",
                "[cache.disk]",
                "none",
                "A tier below memory that survives a restart.",
            ),
        ],
    },
    Part {
        name: "cache.redis",
        title: "[cache.redis]",
        about: "Responses, purges and fills are shared with the gateways of the same prefix.",
        keys: &[
            key(
                "url",
                "\"redis://127.0.0.1:6379\"",
                "required",
                "URL without a password.",
            ),
            key(
                "url_from",
                SECRET,
                "none",
                "The URL, if it has a password; in place of `url`.",
            ),
            key(
                "ca",
                "\"authorities.pem\"",
                "the system's",
                "File with certificate authorities (PEM), for a URL with `rediss:`.",
            ),
            key("prefix", "\"shop\"", "\"gateway\"", "Name of the fleet."),
            key(
                "timeout",
                "\"40ms\"",
                "\"40ms\"",
                "Time that a request waits for Redis.",
            ),
        ],
    },
    Part {
        name: "cache.disk",
        title: "[cache.disk]",
        about: "A folder of one gateway. Not together with `[cache.redis]`.",
        keys: &[
            key(
                "folder",
                "\"/var/cache/scrimp\"",
                "required",
                "Folder, made if it is not there.",
            ),
            key("size", "\"20G\"", "\"1G\"", "Bytes of its files."),
        ],
    },
    Part {
        name: "coalesce",
        title: "[coalesce]",
        about: "Settings of the layer, for the routes that have it on.",
        keys: &[
            key(
                "max_wait",
                "\"30s\"",
                "none",
                "Longest wait for the call of another request.",
            ),
            key(
                "remember",
                "\"10s\"",
                "the layer's",
                "Time for which a key is not shared after a response that cannot be.",
            ),
        ],
    },
    Part {
        name: "stampede",
        title: "[stampede]",
        about: "Settings of the layer, for the routes that have it on.",
        keys: &[
            key(
                "wait_limit",
                "\"5s\"",
                "the layer's",
                "Longest wait for the fill of another request.",
            ),
            key(
                "refresh_timeout",
                "\"30s\"",
                "the layer's",
                "Longest time of a refresh.",
            ),
            key("max_refreshes", "64", "the layer's", "Refreshes at once."),
        ],
    },
];
