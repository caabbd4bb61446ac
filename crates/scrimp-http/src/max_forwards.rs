//! The Max-Forwards field (RFC 9110 §7.6.2).

use http::{HeaderMap, HeaderValue, Method, header::MAX_FORWARDS};

use crate::list::digits;

/// The decision of an intermediary about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// The request is passed on; its field, if it counts, has been decremented.
    Allowed,
    /// The request must not be passed on: the intermediary is its last recipient.
    Ended,
    /// The field is not one number.
    Invalid,
}

/// Counts this hop. Only OPTIONS and TRACE have the field; in other requests it stays unchanged.
pub fn count(method: &Method, headers: &mut HeaderMap) -> Forwarding {
    if *method != Method::OPTIONS && *method != Method::TRACE {
        return Forwarding::Allowed;
    }
    let mut lines = headers.get_all(MAX_FORWARDS).into_iter();
    let hops = match (lines.next(), lines.next()) {
        (None, _) => return Forwarding::Allowed,
        (Some(line), None) => digits(line.as_bytes()),
        (Some(_), Some(_)) => None,
    };
    match hops {
        None => Forwarding::Invalid,
        Some(0) => Forwarding::Ended,
        Some(hops) => {
            headers.insert(MAX_FORWARDS, HeaderValue::from(hops - 1));
            Forwarding::Allowed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(method: &Method, lines: &[&str]) -> (Forwarding, Vec<String>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(MAX_FORWARDS, line.parse().unwrap());
        }
        let verdict = count(method, &mut headers);
        let left = headers.get_all(MAX_FORWARDS).iter();
        let left = left.map(|line| line.to_str().unwrap().to_owned()).collect();
        (verdict, left)
    }

    #[test]
    fn each_hop_takes_one_and_none_is_left_at_zero() {
        for method in [Method::OPTIONS, Method::TRACE] {
            for (line, left) in [
                ("1", "0"),
                ("10", "9"),
                ("007", "6"),
                // The lower of the value minus one and the highest known number.
                ("99999999999999999999", "18446744073709551614"),
            ] {
                let allowed = (Forwarding::Allowed, vec![left.to_owned()]);
                assert_eq!(counted(&method, &[line]), allowed, "{line}");
            }
            for line in ["0", "00"] {
                assert_eq!(counted(&method, &[line]).0, Forwarding::Ended);
            }
            assert_eq!(counted(&method, &[]).0, Forwarding::Allowed);
        }
    }

    #[test]
    fn a_value_that_is_not_one_number_is_invalid() {
        for lines in [
            &[""][..],
            &["-1"],
            &["+1"],
            &["1.0"],
            &["1, 2"],
            &["0x1"],
            &["one"],
            &["1", "1"],
        ] {
            let (verdict, _) = counted(&Method::OPTIONS, lines);
            assert_eq!(verdict, Forwarding::Invalid, "{lines:?}");
        }
    }

    #[test]
    fn other_methods_do_not_count_their_hops() {
        for method in [Method::GET, Method::POST, Method::HEAD] {
            let unchanged = (Forwarding::Allowed, vec!["0".to_owned()]);
            assert_eq!(counted(&method, &["0"]), unchanged);
        }
    }
}
