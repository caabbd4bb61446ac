use proptest::prelude::*;

use super::*;

fn canonical(json: &str) -> Option<String> {
    let canonical = canonical_json(json.as_bytes())?;
    Some(String::from_utf8(canonical.text).unwrap())
}

fn is_exact(json: &str) -> bool {
    canonical_json(json.as_bytes()).unwrap().exact
}

#[test]
fn members_are_sorted_as_utf_16_and_strings_have_the_shortest_form() {
    // RFC 8785 §3.2.2 and §3.2.3.
    let json = r#" {
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    } "#;
    let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(canonical(json).unwrap(), expected);
    let json = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
    let expected = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}";
    assert_eq!(canonical(json).unwrap(), expected);
}

#[test]
fn numbers_are_written_as_ecmascript_writes_them() {
    // RFC 8785, appendix B: the bits of a double, and its text.
    for (bits, text) in [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let float: f64 = f64::from_bits(bits);
        assert_eq!(canonical(&format!("{float:e}")).as_deref(), Some(text));
    }
}

#[test]
fn a_number_that_the_form_changes_is_not_exact() {
    for exact in [
        "1",
        "1.0",
        "10e-1",
        "0.1",
        "9007199254740992",
        "1e300",
        "-5",
        "0",
        "0e5",
        "100",
    ] {
        assert!(is_exact(exact), "{exact}");
    }
    for changed in [
        "9007199254740993",
        "333333333.33333329",
        "0.1000000000000000055511151231257827",
        "-0",
        "-0.0e9",
        "1e-400",
        "12345678901234567890",
    ] {
        assert!(!is_exact(changed), "{changed}");
    }
    assert!(!is_exact("{\"id\":[9007199254740993]}"));
}

#[test]
fn text_that_is_no_interoperable_json_has_no_canonical_form() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "--1",
        "1e400",
        "NaN",
        "tru",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800x\"",
        "\"\\u+041\"",
        "\"\\x\"",
        "\"\n\"",
        "1 2",
        "\u{feff}1",
    ] {
        assert_eq!(canonical(text), None, "{text}");
    }
    assert_eq!(canonical_json(b"\"\xff\""), None);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(canonical(&nested(DEPTH)).is_some());
    assert_eq!(canonical(&nested(DEPTH + 1)), None);
    assert_eq!(canonical(&"[".repeat(100 * DEPTH)), None);
}

proptest! {
    #[test]
    fn the_form_means_the_same_and_is_its_own_form(
        number in any::<f64>().prop_filter("JSON has finite numbers", |number| number.is_finite()),
        text in ".{0,20}",
        spaces in "[ \t\n\r]{0,5}",
    ) {
        let written = canonical(&format!("{number:e}")).unwrap();
        prop_assert_eq!(written.parse(), Ok(number));
        let value = serde_json::json!({"b": [&text, null], &*text: {"z": 1, "a": true}});
        let pretty = format!("{spaces}{value:#}{spaces}");
        let canonical = canonical(&pretty).unwrap();
        prop_assert_eq!(super::tests::canonical(&canonical).unwrap(), canonical.as_str());
        let again: serde_json::Value = serde_json::from_str(&canonical).unwrap();
        prop_assert_eq!(again, value);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = canonical_json(&bytes);
    }

    #[test]
    fn what_it_accepts_is_json(text in "[\\[\\]{}\",:0-9eE.+\\-tf\\\\u a]{0,30}") {
        if canonical(&text).is_some() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
        }
    }
}
