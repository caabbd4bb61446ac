//! The decision on storing, and for which callers.

use scrimp_cache::Mode;

use super::{Class, each_asking};
use crate::{
    history::{Directive, has, remove},
    rewrite::{selecting_lists, selecting_preferences, understood},
};

pub const CLASSES: &[Class] = &[
    Class {
        name: "MUST_UNDERSTAND",
        section: "RFC 9111 §5.2.2.3",
        verdict: "ours: it overrules no-store where the status is understood, and forbids storing where it is not; the oracle ignores it",
        rewrite: |history| {
            let response = &mut history.response;
            if has(&response.control, "must-understand") {
                remove(&mut response.control, "no-store");
                if !understood(response.status) {
                    response.control.push(Directive::flag("no-store"));
                }
            }
        },
    },
    Class {
        name: "STATUS_CODES",
        section: "RFC 9111 §3",
        verdict: "ours: any final status with explicit freshness is storable; the oracle has a list. To it they are all 302",
        rewrite: |history| {
            const KNOWN: [u16; 14] = [
                200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501,
            ];
            // No cache may store these (RFC 6585), or they answer a Range; 302 is neither.
            const NEVER: [u16; 7] = [206, 304, 416, 428, 429, 431, 511];
            let status = history.response.status;
            if !KNOWN.contains(&status) && !NEVER.contains(&status) {
                history.response.status = 302;
            }
        },
    },
    Class {
        name: "SET_COOKIE",
        section: "RFC 9111 §7.3",
        verdict: "neither, it is a choice: both want `public`; ours also takes s-maxage, the oracle stores and never serves",
        rewrite: |history| {
            let response = &mut history.response;
            if history.mode == Mode::Shared && response.set_cookie {
                response.set_cookie = false;
                if !has(&response.control, "public") && !has(&response.control, "s-maxage") {
                    response.control.push(Directive::flag("no-store"));
                }
            }
        },
    },
    Class {
        name: "VARY_STAR",
        section: "RFC 9111 §4.1",
        verdict: "either: what never matches need not be stored",
        rewrite: |history| {
            if history.response.vary.contains(&"*") {
                history.response.control.push(Directive::flag("no-store"));
            }
        },
    },
    Class {
        name: "VARY_FIRST_VALUE",
        section: "RFC 9111 §4.1",
        verdict: "ours: lines are joined and white space in lists does not count; the oracle compares the first line as it stands",
        rewrite: |history| each_asking(history, selecting_lists),
    },
    Class {
        name: "VARY_PREFERENCES",
        section: "RFC 9111 §4.1",
        verdict: "either: normalising what is known not to change the meaning, such as order and case in Accept-Language, is allowed",
        rewrite: |history| {
            if history.response.vary == ["accept-language"] {
                each_asking(history, selecting_preferences);
            }
        },
    },
    Class {
        name: "NOTHING_TO_KEEP_IT_FOR",
        section: "RFC 9111 §3",
        verdict: "either: the RFC allows storing what has no validator, and no lifetime or a validation before each use; it is of no use",
        rewrite: |history| {
            let shared = history.mode == Mode::Shared;
            let response = &mut history.response;
            let control = &response.control;
            let explicit = has(control, "max-age")
                || (shared && has(control, "s-maxage"))
                || has(control, "public")
                || !response.expires.is_empty();
            let usable = explicit && !has(control, "no-cache");
            if !usable && response.etag.is_empty() && response.last_modified.is_empty() {
                response.control.push(Directive::flag("no-store"));
            }
        },
    },
];
