//! Source with all its mutants.
//!
//! Each function gets a copy of its body for each of its mutants, and a switch in front that chooses
//! one of them. A copy is the text that cargo-mutants would compile, so that no rewriting of
//! expressions has to keep their meaning.

use std::collections::HashSet;
use std::ops::Range;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::Result;
use crate::list::Mutant;

/// A function of a source file.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The bytes of the body, with its braces.
    body: Range<usize>,
    /// The word `const`.
    constness: Option<Range<usize>>,
    /// The return type has an `impl`, so that two bodies would return two types.
    opaque: bool,
}

/// Lines of woven source.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) lines: Range<usize>,
    /// One mutant in its copy; all of a function around the copies.
    pub(crate) mutants: Vec<usize>,
    pub(crate) whole: bool,
}

/// Source with all its mutants.
#[derive(Debug, Default)]
pub(crate) struct Woven {
    pub(crate) text: String,
    /// Inner regions stand before outer ones.
    pub(crate) regions: Vec<Region>,
}

/// Mutants of one function.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) function: usize,
    /// Numbers of mutants, which follow each other.
    pub(crate) numbers: Range<usize>,
}

/// Lists the functions of a source file.
pub(crate) fn functions(text: &str) -> Result<Vec<Function>> {
    let mut found = Functions::default();
    found.visit_file(&syn::parse_file(text)?);
    found.functions.sort_by_key(|function| function.body.start);
    Ok(found.functions)
}

/// Returns the innermost function whose body has these bytes.
pub(crate) fn innermost(functions: &[Function], range: &Range<usize>) -> Option<usize> {
    functions
        .iter()
        .rposition(|function| function.body.start < range.start && range.end < function.body.end)
}

/// Weaves mutants into a source file.
///
/// `groups` are in the order of their functions. Mutants that are not in `live` get no copy.
pub(crate) fn weave(
    text: &str,
    functions: &[Function],
    groups: &[Group],
    mutants: &[Mutant],
    live: &HashSet<usize>,
) -> Woven {
    let mut edits: Vec<_> = groups
        .iter()
        .filter(|group| group.numbers.clone().any(|number| live.contains(&number)))
        .flat_map(|group| {
            let function = &functions[group.function];
            let word = function.constness.clone().map(|word| Edit {
                range: word,
                group: None,
            });
            word.into_iter().chain([Edit {
                range: function.body.clone(),
                group: Some(group),
            }])
        })
        .collect();
    edits.sort_by_key(|edit| edit.range.start);
    let mut weaver = Weaver {
        text,
        edits,
        mutants,
        live,
        woven: Woven::default(),
        line: 1,
    };
    weaver.part(0..text.len());
    weaver.woven
}

/// A place where woven source differs.
#[derive(Clone)]
struct Edit<'a> {
    range: Range<usize>,
    /// The group whose body this is; otherwise the place is left out.
    group: Option<&'a Group>,
}

struct Weaver<'a> {
    text: &'a str,
    edits: Vec<Edit<'a>>,
    mutants: &'a [Mutant],
    live: &'a HashSet<usize>,
    woven: Woven,
    line: usize,
}

#[derive(Default)]
struct Functions {
    functions: Vec<Function>,
}

/// Reports whether a type has an `impl`.
#[derive(Default)]
struct Opaque(bool);

// === impl Function ===

impl Function {
    /// Reports whether its body can stand beside changed copies of itself.
    pub(crate) fn takes_copies(&self, constants: &HashSet<String>) -> bool {
        !self.opaque && (self.constness.is_none() || !constants.contains(&self.name))
    }

    /// Returns the word `const` in front of it.
    pub(crate) fn is_const(&self) -> bool {
        self.constness.is_some()
    }
}

// === impl Weaver ===

impl Weaver<'_> {
    fn push(&mut self, text: &str) {
        self.line += text.matches('\n').count();
        self.woven.text.push_str(text);
    }

    /// Writes a part of the source, with the edits in it.
    fn part(&mut self, range: Range<usize>) {
        let mut at = range.start;
        let inside =
            |edit: &&Edit<'_>| range.start <= edit.range.start && edit.range.end <= range.end;
        let edits: Vec<_> = self.edits.iter().filter(inside).cloned().collect();
        for edit in edits {
            // In a body that is written already.
            if edit.range.start < at {
                continue;
            }
            self.push(&self.text[at..edit.range.start]);
            at = edit.range.end;
            if let Some(group) = edit.group {
                self.body(&edit.range, group);
            }
        }
        self.push(&self.text[at..range.end]);
    }

    fn body(&mut self, body: &Range<usize>, group: &Group) {
        let whole = self.line;
        let inner = body.start + 1..body.end - 1;
        let numbers = &group.numbers;
        self.push(&format!(
            "{{ match crate::mutant_switch::within({}, {}) {{",
            numbers.start,
            numbers.end - 1
        ));
        for number in numbers.clone().filter(|number| self.live.contains(number)) {
            let mutant = &self.mutants[number];
            self.push("\n");
            let first = self.line;
            self.push(&format!("{number} => {{"));
            self.push(&self.text[inner.start..mutant.range.start]);
            self.push(&mutant.replacement);
            self.push(&self.text[mutant.range.end..inner.end]);
            // The body may end with a comment.
            self.push("\n}");
            self.woven.regions.push(Region {
                lines: first..self.line + 1,
                mutants: vec![number],
                whole: false,
            });
        }
        self.push("\n_ => {");
        self.part(inner);
        self.push("\n} } }");
        self.woven.regions.push(Region {
            lines: whole..self.line + 1,
            mutants: numbers.clone().collect(),
            whole: true,
        });
    }
}

// === impl Functions ===

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let mut opaque = Opaque::default();
        opaque.visit_return_type(&signature.output);
        self.functions.push(Function {
            name: signature.ident.to_string(),
            body: block.span().byte_range(),
            constness: signature.constness.map(|word| word.span.byte_range()),
            opaque: opaque.0,
        });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

// === impl Opaque ===

impl<'ast> Visit<'ast> for Opaque {
    fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
        self.0 = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
const fn twice(n: u32) -> u32 {
    n * 2
}

fn outer(n: u32) -> u32 {
    fn inner(n: u32) -> u32 {
        n + 1 // a comment
    }
    inner(n) - 1
}

fn all() -> impl Iterator<Item = u32> {
    0..1
}
";

    fn mutant(at: &str, replacement: &str) -> Mutant {
        let start = SOURCE.find(at).expect("it is there");
        Mutant {
            file: "lib.rs".into(),
            name: at.into(),
            range: start..start + at.len(),
            replacement: replacement.into(),
        }
    }

    #[test]
    fn each_body_has_a_copy_for_each_mutant_and_inner_functions_their_own() {
        let functions = functions(SOURCE).expect("it is Rust");
        let names: Vec<_> = functions
            .iter()
            .map(|function| function.name.as_str())
            .collect();
        assert_eq!(names, ["twice", "outer", "inner", "all"]);
        let mutants = [
            mutant("", ""),
            mutant("*", "/"),
            mutant("- 1", "+ 1"),
            mutant("+", "*"),
        ];
        let places: Vec<_> = mutants[1..]
            .iter()
            .map(|mutant| innermost(&functions, &mutant.range))
            .collect();
        assert_eq!(places, [Some(0), Some(1), Some(2)]);
        let group = |function| Group {
            function,
            numbers: function + 1..function + 2,
        };
        let groups = [group(0), group(1), group(2)];
        let woven = weave(
            SOURCE,
            &functions,
            &groups,
            &mutants,
            &HashSet::from([1, 2, 3]),
        );
        assert!(syn::parse_file(&woven.text).is_ok(), "{}", woven.text);
        // The copies of the outer function have the inner one as it is.
        assert_eq!(woven.text.matches("within(3, 3)").count(), 1);
        assert_eq!(woven.text.matches("n + 1 // a comment").count(), 2);
        assert!(woven.text.contains("n / 2") && !woven.text.contains("const"));
        for region in woven.regions.iter().filter(|region| !region.whole) {
            let lines: Vec<_> = woven.text.lines().collect();
            let text = lines[region.lines.start - 1..region.lines.end - 1].join("\n");
            let number = region.mutants[0];
            assert!(text.starts_with(&format!("{number} => {{")), "{text}");
            assert!(text.contains(&mutants[number].replacement), "{text}");
        }
    }

    #[test]
    fn what_has_no_live_mutant_stays_as_it_is() {
        let functions = functions(SOURCE).expect("it is Rust");
        let groups = [Group {
            function: 0,
            numbers: 1..2,
        }];
        let mutants = [mutant("", ""), mutant("*", "/")];
        let woven = weave(SOURCE, &functions, &groups, &mutants, &HashSet::new());
        assert_eq!(woven.text, SOURCE);
        assert!(functions[0].takes_copies(&HashSet::new()));
        assert!(!functions[0].takes_copies(&HashSet::from(["twice".into()])));
        assert!(!functions[3].takes_copies(&HashSet::new()));
    }
}
