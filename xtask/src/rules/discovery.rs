//! Finds the tests of the workspace, with the words that can name rules.

use crate::tree::{self, SourceFile, identifier, is_attribute};
use proc_macro2::{Group, TokenStream, TokenTree};
use serde::Serialize;

/// What kind of test shows something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A function that runs.
    Test,
    /// An example in the documentation: it runs, or must not compile.
    Doctest,
    /// A file of its own that must not compile.
    Misuse,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub kind: Kind,
    pub file: String,
    pub line: usize,
    /// Of the function, of the documented item, or of the file.
    pub name: String,
    /// The doc comment; of a doctest the paragraph before it, and the test itself.
    pub text: String,
}

/// The tests in a file. One that is ignored shows nothing and is passed over.
pub fn in_file(file: &SourceFile) -> Vec<Test> {
    if file.is_misuse {
        return vec![misuse(file)];
    }
    let mut found = Vec::new();
    scan(file, file.tokens.clone(), "this file", &mut found);
    found
}

/// A misuse case carries its ids in its file's name or in the comments that it opens with.
fn misuse(file: &SourceFile) -> Test {
    let comments: Vec<_> = file
        .text
        .lines()
        .map(str::trim)
        .take_while(|line| line.starts_with("//") || line.is_empty())
        .map(|line| line.trim_start_matches(['/', '!']))
        .collect();
    let name = file.path.rsplit('/').next().unwrap_or_default();
    Test {
        kind: Kind::Misuse,
        file: file.path.clone(),
        line: 1,
        name: name.trim_end_matches(".rs").to_owned(),
        text: comments.join("\n"),
    }
}

fn scan(file: &SourceFile, tokens: TokenStream, inside: &str, found: &mut Vec<Test>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let (about_all, mut at) = tree::attributes(&tokens, true);
    doctests(file, inside, &about_all, found);
    while at < tokens.len() {
        let (attributes, count) = tree::attributes(&tokens[at..], false);
        if count > 0 {
            at += count;
            let item = Item::at(&tokens[at..]);
            let is = |text: &str| attributes.iter().any(|group| is_attribute(group, text));
            let ignored = attributes.iter().any(|group| {
                let content = group.stream().into_iter().next();
                identifier(content.as_ref()).is_some_and(|name| name == "ignore")
            });
            if let (Item::Function(name), true, false) = (&item, is("test"), ignored) {
                found.push(Test {
                    kind: Kind::Test,
                    file: file.path.clone(),
                    line: attributes[0].span().start().line,
                    name: name.clone(),
                    text: join(&doc_lines(&attributes)),
                });
            }
            doctests(file, item.name(), &attributes, found);
            continue;
        }
        if let TokenTree::Group(group) = &tokens[at] {
            scan(file, group.stream(), inside, found);
        }
        at += 1;
    }
}

/// What attributes stand before.
enum Item {
    Function(String),
    Other(String),
}

impl Item {
    fn at(tokens: &[TokenTree]) -> Self {
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    match word.as_str() {
                        "fn" => {
                            let name = identifier(tokens.get(at + 1));
                            return match name {
                                Some(name) => Self::Function(name.to_string()),
                                None => Self::Other("fn".to_owned()),
                            };
                        }
                        "pub" | "crate" | "async" | "const" | "unsafe" | "extern" | "safe"
                        | "struct" | "enum" | "union" | "trait" | "type" | "static" | "mod"
                        | "macro_rules" | "mut" | "impl" => {}
                        _ => return Self::Other(word),
                    }
                }
                // `pub(crate)`, `extern "C"`, `macro_rules!`
                TokenTree::Group(_) | TokenTree::Literal(_) => {}
                TokenTree::Punct(mark) if mark.as_char() == '!' => {}
                TokenTree::Punct(_) => break,
            }
        }
        Self::Other("an item".to_owned())
    }

    fn name(&self) -> &str {
        match self {
            Self::Function(name) | Self::Other(name) => name,
        }
    }
}

/// The lines of a doc comment with their numbers.
fn doc_lines(attributes: &[&Group]) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for group in attributes {
        let tokens: Vec<_> = group.stream().into_iter().collect();
        let [TokenTree::Ident(name), TokenTree::Punct(_), value] = &tokens[..] else {
            continue;
        };
        if name != "doc" {
            continue;
        }
        if let Ok(text) = syn::parse2::<syn::LitStr>(value.clone().into()) {
            let first = group.span().start().line;
            let text = text.value();
            let numbered = text.lines().enumerate();
            lines.extend(numbered.map(|(at, line)| (first + at, line.trim().to_owned())));
            if text.is_empty() {
                lines.push((first, String::new()));
            }
        }
    }
    lines
}

fn join(lines: &[(usize, String)]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.1.as_str()).collect();
    lines.join("\n")
}

/// The examples of a doc comment that are run, or must not compile.
fn doctests(file: &SourceFile, item: &str, attributes: &[&Group], found: &mut Vec<Test>) {
    if file.is_test {
        return;
    }
    let lines = doc_lines(attributes);
    let mut paragraph = Vec::new();
    let mut paragraph_is_over = false;
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        at += 1;
        let Some(info) = line.1.strip_prefix("```") else {
            if line.1.is_empty() || line.1.starts_with('#') {
                paragraph_is_over = true;
            } else {
                if paragraph_is_over {
                    paragraph.clear();
                    paragraph_is_over = false;
                }
                paragraph.push(line.clone());
            }
            continue;
        };
        let length = lines[at..]
            .iter()
            .take_while(|line| !line.1.starts_with("```"))
            .count();
        let body = &lines[at..at + length];
        at = (at + length + 1).min(lines.len());
        paragraph_is_over = true;
        if shows_something(info) {
            found.push(Test {
                kind: Kind::Doctest,
                file: file.path.clone(),
                line: line.0,
                name: item.to_owned(),
                text: format!("{}\n{}", join(&paragraph), join(body)),
            });
        }
    }
}

/// Whether a code block is a test that can fail for what it says. One that is only compiled is not.
fn shows_something(info: &str) -> bool {
    info.split([',', ' '])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .all(|word| {
            matches!(word, "rust" | "compile_fail" | "should_panic")
                || word.starts_with("edition")
                || (word.len() == 5 && word.starts_with('E'))
        })
}

#[cfg(test)]
mod tests {
    use super::{Kind, Test, in_file};
    use crate::tree::{Scratch, read};

    fn found(path: &str, text: &str) -> Vec<(Kind, usize, String, String)> {
        let tree = Scratch::new(&[(path, text)]);
        let files = read(tree.root()).expect("reads");
        let tests = in_file(&files[0]);
        let parts = |test: Test| (test.kind, test.line, test.name, test.text);
        tests.into_iter().map(parts).collect()
    }

    fn names(path: &str, text: &str) -> Vec<String> {
        found(path, text).into_iter().map(|test| test.2).collect()
    }

    #[test]
    fn tests_are_found_in_modules_and_macros() {
        let text = r#"
            fn helper() {}
            /// C1: documented.
            #[test]
            #[should_panic]
            fn first() {}
            mod inner { #[test] fn second() { helper(); } }
            proptest! {
                #![proptest_config(few())]
                /// C2
                #[test]
                fn third(size in 0..9_usize) {}
            }
        "#;
        assert_eq!(names("tests/all.rs", text), ["first", "second", "third"]);
        let first = &found("tests/all.rs", text)[0];
        assert_eq!(
            (first.1, first.3.as_str()),
            (3, "C1: documented."),
            "{first:?}"
        );
        assert_eq!(found("tests/all.rs", text)[2].3, "C2");
    }

    #[test]
    fn what_does_not_run_is_no_test() {
        let text = r#"
            /// C1
            #[test]
            #[ignore = "slow"]
            fn ignored() {}
            /// C2
            fn no_test() {}
            /// C3
            #[cfg(test)]
            mod tests {}
            // C4: no doc comment
            #[test]
            fn other() {}
        "#;
        let tests = found("src/lib.rs", text);
        assert_eq!(tests.len(), 1, "{tests:?}");
        assert_eq!((tests[0].2.as_str(), tests[0].3.as_str()), ("other", ""));
    }

    const DOCUMENTED: &str = r#"
        //! C9 of the module.
        //!
        //! ```
        //! assert!(true);
        //! ```

        /// C8 in the first paragraph.
        ///
        /// It does not compile
        /// (rule C1):
        ///
        /// ```compile_fail
        /// fn f() -> u8 { C2 }
        /// ```
        ///
        /// ```compile_fail,E0308
        /// second
        /// ```
        ///
        /// C3, only compiled:
        ///
        /// ```no_run
        /// ```
        /// ```text
        /// C4
        /// ```
        pub struct Value;
    "#;

    #[test]
    fn doctests_carry_the_paragraph_before_them() {
        let tests = found("src/lib.rs", DOCUMENTED);
        assert_eq!(tests.len(), 3, "{tests:?}");
        assert!(tests.iter().all(|test| test.0 == Kind::Doctest));
        assert_eq!(tests[0].2, "this file");
        assert_eq!(tests[0].3, "C9 of the module.\nassert!(true);");
        assert_eq!(tests[1].2, "Value");
        assert_eq!(
            tests[1].3,
            "It does not compile\n(rule C1):\nfn f() -> u8 { C2 }"
        );
        assert_eq!(tests[2].3, "It does not compile\n(rule C1):\nsecond");
    }

    #[test]
    fn examples_in_tests_are_no_doctests() {
        assert_eq!(names("tests/all.rs", DOCUMENTED), [""; 0]);
    }

    #[test]
    fn misuse_cases_are_files() {
        let tree = Scratch::new(&[
            (
                "tests/misuse/c5_no_bytes.rs",
                "//! P10: used after.\n// L4\n\nfn main() {} // E1\n",
            ),
            ("tests/misuse/c5_no_bytes.stderr", "error"),
        ]);
        let files = read(tree.root()).expect("reads");
        let tests = in_file(&files[0]);
        assert_eq!(tests.len(), 1);
        assert_eq!(
            (tests[0].kind, tests[0].name.as_str()),
            (Kind::Misuse, "c5_no_bytes")
        );
        assert_eq!(tests[0].text.trim(), "P10: used after.\n L4");
    }
}
