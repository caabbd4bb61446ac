//! Sections of the clients and the operators.

use super::{Part, SECRET, key};

pub(super) const PARTS: &[Part] = &[
    Part {
        name: "",
        title: "the file",
        about: "Sections, which the other tables describe.",
        keys: &[
            key("server", "[server]", "", "The side of the clients."),
            key(
                "admin",
                "[admin]",
                "off",
                "Purges, figures and the live page.",
            ),
            key(
                "audit",
                "[audit]",
                "off",
                "The log of what operators do, and of what is refused.",
            ),
            key(
                "cache",
                "[cache]",
                "",
                "Stored responses, their rules and tiers.",
            ),
            key(
                "coalesce",
                "[coalesce]",
                "",
                "One call for equal requests at the same time.",
            ),
            key(
                "stampede",
                "[stampede]",
                "",
                "Refreshes before expiry; one fill of a cold key.",
            ),
            key(
                "tenants",
                "[tenants]",
                "",
                "How a request names its tenant.",
            ),
            key("tenant", "[[tenant]]", "none", "A tenant and its key."),
            key(
                "upstream",
                "[[upstream]]",
                "none",
                "A server that requests go to.",
            ),
            key(
                "provider",
                "[[provider]]",
                "none",
                "One of several services that can answer the same requests, for a price.",
            ),
            key("budget", "[[budget]]", "none", "Money that calls may cost."),
            key(
                "route",
                "[[route]]",
                "none",
                "Requests, and where they go. The first that matches decides; a request that none matches gets a 404.",
            ),
        ],
    },
    Part {
        name: "server",
        title: "[server]",
        about: "The side of the clients. All but the certificates keep their values until a restart.",
        keys: &[
            key(
                "listen",
                "\"0.0.0.0:8080\"",
                "\"127.0.0.1:8080\"",
                "Address; port 0 takes a free one and prints it.",
            ),
            key(
                "certificates",
                "\"gateway.pem\"",
                "no TLS",
                "File with the certificate chain (PEM), read again at a reload.",
            ),
            key(
                "key",
                "\"gateway.key\"",
                "no TLS",
                "File with its private key (PEM).",
            ),
            key(
                "trust_forwarded",
                "true",
                "false",
                "Believes the Forwarded and X-Forwarded-* fields of clients. Only behind a trusted proxy.",
            ),
            key(
                "max_body",
                "\"10M\"",
                "no limit",
                "Bytes of a request's body. A longer one is refused: with a 413 if its length is announced.",
            ),
            key("max_connections", "10000", "1024", "Connections at once."),
            key(
                "max_connections_per_address",
                "100",
                "half of them",
                "Connections of one address.",
            ),
            key(
                "max_requests",
                "10000",
                "4096",
                "Open requests; further ones get a 503.",
            ),
            key(
                "max_streams",
                "100",
                "100",
                "Streams of one HTTP/2 connection.",
            ),
            key(
                "max_header_bytes",
                "\"32K\"",
                "\"64K\"",
                "Bytes of the fields of a request; more get a 431.",
            ),
            key(
                "header_timeout",
                "\"10s\"",
                "\"10s\"",
                "Time for the fields of a request.",
            ),
            key(
                "idle_timeout",
                "\"60s\"",
                "\"60s\"",
                "Time between requests of a connection.",
            ),
            key(
                "body_pace",
                "\"20s:500\"",
                "\"20s:500\"",
                "Patience with a slow upload, and bytes per second that renew it.",
            ),
            key(
                "send_pace",
                "\"30s:500\"",
                "\"30s:500\"",
                "The same for a client that reads slowly.",
            ),
            key(
                "drain",
                "\"10s\"",
                "\"10s\"",
                "Time of open requests after SIGTERM.",
            ),
        ],
    },
    Part {
        name: "admin",
        title: "[admin]",
        about: "Without this section there is no such address, and PURGE is refused.",
        keys: &[
            key(
                "listen",
                "\"127.0.0.1:9090\"",
                "\"127.0.0.1:9090\"",
                "Address of its own, best one that clients cannot reach.",
            ),
            key(
                "token",
                SECRET,
                "required",
                "Sent as `Authorization: Bearer …`. Read again at a reload.",
            ),
            key(
                "open",
                "true",
                "false",
                "Needs no token: anything that reaches the address may purge.",
            ),
            key(
                "purge",
                "true",
                "false",
                "Takes PURGE, with the token, on the clients' address too.",
            ),
        ],
    },
    Part {
        name: "audit",
        title: "[audit]",
        about: "An append-only log: requests of operators but GET, refusals, invalidations, reloads. `scrimp audit verify` reads it. It changes with a restart only.",
        keys: &[
            key(
                "folder",
                "\"/var/log/gateway-audit\"",
                "required",
                "Folder of the log, for this process alone.",
            ),
            key(
                "key",
                SECRET,
                "none",
                "64 hexadecimal digits, without which the chain of hashes cannot be computed anew.",
            ),
            key(
                "pseudonyms",
                SECRET,
                "none",
                "64 hexadecimal digits, with which names of tags become pseudonyms. Without them, the names are left out.",
            ),
            key(
                "retention",
                "\"365d\"",
                "none",
                "Time after which old files are deleted.",
            ),
        ],
    },
    Part {
        name: "tenants",
        title: "[tenants]",
        about: "Tenants never share responses, and budgets count by them.",
        keys: &[
            key(
                "header",
                "\"x-api-key\"",
                "\"authorization\"",
                "Field with the tenant's key; `authorization` has it as `Bearer …`.",
            ),
            key(
                "name_header",
                "\"x-tenant\"",
                "none",
                "Field in which a trusted proxy in front names the tenant, in place of keys.",
            ),
            key(
                "required",
                "false",
                "true",
                "Refuses requests without a known key (401). If not, they have no tenant.",
            ),
            key(
                "pass_on",
                "true",
                "false",
                "Leaves the key on the request. If not, upstreams and the cache do not see it.",
            ),
        ],
    },
    Part {
        name: "tenant",
        title: "[[tenant]]",
        about: "",
        keys: &[
            key(
                "name",
                "\"acme\"",
                "required",
                "Name in budgets and figures.",
            ),
            key("key", SECRET, "required", "The key that it sends."),
        ],
    },
    Part {
        name: "secret",
        title: "a secret",
        about: "A secret stands in the environment or in a file. `plain` writes it into the configuration all the same.",
        keys: &[
            key(
                "env",
                "\"GATEWAY_TOKEN\"",
                "",
                "Name of an environment variable.",
            ),
            key(
                "file",
                "\"/run/secrets/token\"",
                "",
                "File; white space around its content is left out.",
            ),
            key("plain", "\"…\"", "", "The secret itself."),
        ],
    },
];
