use serde_json::json;

use super::*;

/// Rules of some kilobytes, as a system text has them.
fn rules(kilobytes: usize) -> String {
    (0..kilobytes * 16)
        .map(|n| format!("Rule {n:04}: answer briefly, and cite the sources that you used. "))
        .collect()
}

fn parts(tools: &str, system: &str, messages: &str) -> Parts {
    [tools, system, messages].map(|part| Bytes::copy_from_slice(part.as_bytes()))
}

fn system(text: &str) -> Parts {
    parts(
        "",
        &json!(text).to_string(),
        r#"[{"role":"user","content":"hello"}]"#,
    )
}

/// Returns each break's part and kind.
fn kinds(comparison: &Comparison) -> Vec<(PromptPart, BreakKind)> {
    comparison
        .breaks
        .iter()
        .map(|found| (found.part, found.kind))
        .collect()
}

/// Describes a tool, as OpenAI's API has it.
fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {
        "name": name,
        "description": format!("Looks up {name} of a customer. {}", "Use it only if the user asks for it. ".repeat(12)),
        "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
    }})
}

#[test]
fn a_date_in_the_system_text_is_found_with_all_that_follows_it() {
    let text = |date: &str| format!("You are an assistant. Today is {date}. {}", rules(4));
    let [earlier, later] = ["2026-01-15", "2026-01-16"].map(|date| system(&text(date)));
    let comparison = compare(&earlier, &later);
    assert_eq!(
        kinds(&comparison),
        [(PromptPart::System, BreakKind::TimeStamp)]
    );
    let found = comparison.breaks[0];
    assert!(found.at < 64 && found.from > found.at, "{found:?}");
    let whole: usize = later.iter().map(Bytes::len).sum();
    assert_eq!(found.from + found.same, whole, "it follows to the end");
}

#[test]
fn a_date_at_the_end_of_the_system_text_prevents_the_reuse_of_the_messages() {
    let of = |date: &str| {
        let messages = json!([{"role": "user", "content": rules(3)}]).to_string();
        parts(
            "",
            &json!(format!("Be kind. It is {date}")).to_string(),
            &messages,
        )
    };
    let comparison = compare(&of("2026-01-15 10:22"), &of("2026-01-15 10:23"));
    assert_eq!(
        kinds(&comparison),
        [(PromptPart::System, BreakKind::TimeStamp)]
    );
    assert!(comparison.breaks[0].same > 3_000);
}

#[test]
fn tools_in_another_order_prevent_the_reuse_of_everything() {
    let of = |names: [&str; 4]| {
        let tools = json!(names.map(tool)).to_string();
        parts(
            &tools,
            &json!(rules(2)).to_string(),
            r#"[{"role":"user","content":"hello"}]"#,
        )
    };
    let earlier = of(["orders", "invoices", "tickets", "returns"]);
    let later = of(["invoices", "orders", "tickets", "returns"]);
    let comparison = compare(&earlier, &later);
    assert_eq!(
        kinds(&comparison),
        [(PromptPart::Tools, BreakKind::ToolOrder)]
    );
    let whole: usize = later.iter().map(Bytes::len).sum();
    let found = comparison.breaks[0];
    assert_eq!(found.from + found.same, whole);
}

#[test]
fn tools_within_one_value_and_members_in_another_order_are_found() {
    let gemini = |names: [&str; 3]| {
        let declarations = names.map(|name| tool(name)["function"].clone());
        parts(
            &json!([{"functionDeclarations": declarations}]).to_string(),
            "",
            "[]",
        )
    };
    let comparison = compare(&gemini(["a", "b", "c"]), &gemini(["c", "a", "b"]));
    assert_eq!(
        kinds(&comparison),
        [(PromptPart::Tools, BreakKind::ToolOrder)]
    );
    let of = |members: [&str; 2]| {
        let tool = |name: &str| {
            let description = format!(r#""description":"{}""#, "words ".repeat(100));
            let name = format!(r#""name":"{name}""#);
            let [first, second] = members.map(|member| {
                if member == "name" {
                    &name
                } else {
                    &description
                }
            });
            format!("{{{first},{second}}}")
        };
        parts(&format!("[{},{}]", tool("a"), tool("b")), "", "[]")
    };
    let comparison = compare(&of(["name", "description"]), &of(["description", "name"]));
    assert_eq!(
        kinds(&comparison),
        [(PromptPart::Tools, BreakKind::KeyOrder)]
    );
}

#[test]
fn members_of_messages_in_another_order_are_found() {
    let text = json!(rules(2)).to_string();
    let earlier =
        format!(r#"[{{"role":"user","content":{text}}},{{"role":"assistant","content":{text}}}]"#);
    let later =
        format!(r#"[{{"content":{text},"role":"user"}},{{"role":"assistant","content":{text}}}]"#);
    let comparison = compare(&parts("", "", &earlier), &parts("", "", &later));
    assert_eq!(
        kinds(&comparison),
        [(PromptPart::Messages, BreakKind::KeyOrder)]
    );
    assert!(comparison.breaks[0].same > 4_000);
}

#[test]
fn identifiers_of_documents_are_found_one_by_one() {
    let of = |ids: [&str; 2]| {
        let document =
            |id: &str, n: usize| format!("<document id=\"{id}\">{}{n}</document>", rules(2));
        let text = format!(
            "{}{} What is rule 7?",
            document(ids[0], 1),
            document(ids[1], 2)
        );
        parts(
            "",
            r#""Answer from the documents.""#,
            &json!([{"role": "user", "content": text}]).to_string(),
        )
    };
    let comparison = compare(&of(["8f3a21c9", "77ab90ee"]), &of(["0c4d11f2", "91ab34d7"]));
    assert_eq!(
        kinds(&comparison),
        [(PromptPart::Messages, BreakKind::Identifier); 2]
    );
    assert!(
        comparison.breaks.iter().all(|found| found.same > 2_000),
        "{comparison:?}"
    );
}

#[test]
fn the_next_turn_and_another_conversation_are_no_breaks() {
    let turns = |texts: &[String]| {
        let messages: Vec<_> = texts
            .iter()
            .map(|text| json!({"role": "user", "content": text}))
            .collect();
        parts(
            "",
            &json!(rules(1)).to_string(),
            &json!(messages).to_string(),
        )
    };
    let first = turns(&[rules(2)]);
    for later in [
        turns(&[rules(2), "and then?".into()]),
        turns(&["what is love? ".repeat(300)]),
    ] {
        let comparison = compare(&first, &later);
        assert!(comparison.breaks.is_empty(), "{comparison:?}");
        assert!(comparison.common() > 1_000);
    }
    let comparison = compare(&first, &first);
    assert!(comparison.breaks.is_empty());
    assert_eq!(
        comparison.common(),
        first.iter().map(Bytes::len).sum::<usize>()
    );
}

#[test]
fn texts_of_any_bytes_are_compared() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut text = |tail: &str| {
            let head: Vec<u8> = (0..rng.usize(0..40))
                .map(|_| b"{\",[ 0a-\\"[rng.usize(0..9)])
                .collect();
            Bytes::from([head, tail.as_bytes().to_vec()].concat())
        };
        let tail = " ".repeat(seed as usize * 5) + "the end";
        let [earlier, later] = [(), ()].map(|()| [text(&tail), text("x"), text(&tail)]);
        let comparison = compare(&earlier, &later);
        let whole: usize = later.iter().map(Bytes::len).sum();
        assert!(comparison.common() <= whole);
        assert!(
            comparison
                .breaks
                .iter()
                .all(|found| found.from + found.same <= whole)
        );
    }
}
