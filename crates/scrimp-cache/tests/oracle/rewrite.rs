//! The helpers of the classes.

use super::history::{Argument, Directive, remove};

/// Maximum of a delta: RFC 9111 §1.2.2 treats a larger one as this.
const MAX_DELTA: u64 = 1 << 31;

const LIFETIMES: [&str; 5] = [
    "max-age",
    "s-maxage",
    "stale-while-revalidate",
    "max-stale",
    "min-fresh",
];

/// Returns the first number of a directive.
pub fn number(control: &[Directive], name: &str) -> Option<u64> {
    control
        .iter()
        .find_map(|directive| match directive.argument {
            Argument::Number(number) if directive.name == name => Some(number),
            _ => None,
        })
}

/// Returns whether a request accepts any staleness.
pub fn unlimited(control: &[Directive]) -> bool {
    control
        .iter()
        .any(|directive| directive.name == "max-stale" && directive.argument == Argument::None)
}

pub fn set(control: &mut Vec<Directive>, name: &'static str, seconds: u64) {
    remove(control, name);
    control.push(Directive::seconds(name, seconds));
}

pub fn quoted(control: &mut Vec<Directive>) {
    for directive in control {
        if let Argument::Text(text) = directive.argument
            && let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'))
            && let Ok(seconds) = inner.parse()
        {
            directive.argument = Argument::Number(seconds);
        }
    }
}

pub fn invalid_numbers(control: &mut Vec<Directive>, response: bool) {
    control.retain_mut(|directive| {
        if !LIFETIMES.contains(&directive.name) {
            return true;
        }
        match directive.argument {
            Argument::Number(_) => {}
            // Any staleness is accepted.
            Argument::None if directive.name == "max-stale" => {}
            Argument::Text(text)
                if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                directive.argument = Argument::Number(MAX_DELTA);
            }
            _ if !response && directive.name == "min-fresh" => return false,
            Argument::None | Argument::Text(_) => directive.argument = Argument::Number(0),
        }
        true
    });
}

pub fn duplicates(control: &mut Vec<Directive>) {
    let mut single: Vec<Directive> = Vec::new();
    for directive in control.drain(..) {
        let Some(kept) = single.iter_mut().find(|kept| kept.name == directive.name) else {
            single.push(directive);
            continue;
        };
        let widest = directive.name == "min-fresh";
        match (&mut kept.argument, directive.argument) {
            (Argument::Number(kept), Argument::Number(other)) if widest => *kept = other.max(*kept),
            (Argument::Number(kept), Argument::Number(other)) => *kept = other.min(*kept),
            (kept @ Argument::None, number @ Argument::Number(_)) => *kept = number,
            _ => {}
        }
    }
    *control = single;
}

/// Returns whether RFC 9110, RFC 6585 or RFC 7725 defines a status code.
pub fn understood(status: u16) -> bool {
    const OTHERS: [u16; 10] = [307, 308, 421, 422, 426, 428, 429, 431, 451, 511];
    let ranges = [200..=206, 300..=303, 400..=417, 500..=505];
    ranges.iter().any(|range| range.contains(&status)) || OTHERS.contains(&status)
}

/// Joins several lines into one list, without white space around its members.
pub fn selecting_lists(lines: &mut Vec<String>) {
    if !lines.is_empty() {
        *lines = vec![members(lines).join(",")];
    }
}

/// Normalises order and case.
pub fn selecting_preferences(lines: &mut Vec<String>) {
    if !lines.is_empty() {
        let mut list = members(lines);
        list.iter_mut()
            .for_each(|member| member.make_ascii_lowercase());
        list.sort();
        list.dedup();
        *lines = vec![list.join(",")];
    }
}

fn members(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .flat_map(|line| line.split(','))
        .map(|member| member.trim().to_owned())
        .collect()
}
