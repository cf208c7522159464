//! Every relative link of the repository's Markdown pages leads to a file, and to a heading if it names one.

#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "tests are named after what they show")]

use pulldown_cmark::{BrokenLink, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What a page links to, and what can be linked to in it.
#[derive(Default)]
struct Page {
    /// The destinations of its links and images.
    links: Vec<String>,
    /// Labels of `[text][label]` and `[label][]` that the page does not define.
    undefined: Vec<String>,
    /// The fragments of its headings, as GitHub makes them.
    anchors: BTreeSet<String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let undefined = RefCell::new(Vec::new());
        let on_broken_link = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
            // A label in brackets alone is text, such as `[package.metadata.kmdf]`.
            if !matches!(link.link_type, LinkType::Shortcut) {
                undefined.borrow_mut().push(link.reference.into_string());
            }
            None
        };
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        let options = Options::ENABLE_TABLES;
        for event in Parser::new_with_broken_link_callback(text, options, Some(on_broken_link)) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    let numbered = (1..).map(|number| format!("{anchor}-{number}"));
                    let free = std::iter::once(anchor.clone())
                        .chain(numbered)
                        .find(|anchor| !page.anchors.contains(anchor));
                    page.anchors.extend(free);
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        page.undefined = undefined.into_inner();
        page
    }
}

/// The fragment of a heading: lower case, hyphens for spaces, without punctuation.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// A path without `.` and `..`, or `None` if it leads out of the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::Normal(name) => normal.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// What is wrong with the links of these pages, whose paths begin at the repository's root.
fn problems(texts: &BTreeMap<PathBuf, String>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let pages: BTreeMap<_, _> = (texts.iter())
        .map(|(path, text)| (path, Page::read(text)))
        .collect();
    let mut problems = Vec::new();
    for (path, page) in &pages {
        let mut report = |problem: String| problems.push(format!("{}: {problem}", path.display()));
        for label in &page.undefined {
            report(format!("[{label}] is not defined"));
        }
        for link in &page.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => Some((*path).clone()),
                _ => normal(&path.parent().unwrap_or(Path::new("")).join(file)),
            };
            let Some(target) = target.filter(|target| exists(target)) else {
                report(format!("there is no file {link}"));
                continue;
            };
            let anchors = pages.get(&target).map(|page| &page.anchors);
            if !fragment.is_empty() && !anchors.is_some_and(|anchors| anchors.contains(fragment)) {
                report(format!("there is no heading {link}"));
            }
        }
    }
    problems
}

/// All Markdown files under a folder, except what a build has made and what git does not show.
fn read(root: &Path, folder: &Path, texts: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder that can be read") {
        let entry = entry.expect("an entry that can be read");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = folder.join(&name);
        if entry.path().is_dir() {
            if !name.starts_with('.') && name != "target" {
                read(root, &path, texts);
            }
        } else if name.ends_with(".md") {
            let text = fs::read_to_string(entry.path()).expect("text in UTF-8");
            texts.insert(path, text);
        }
    }
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = BTreeMap::new();
    read(root, Path::new(""), &mut texts);
    assert!(texts.contains_key(Path::new("README.md")), "no page found");
    let problems = problems(&texts, |path| root.join(path).exists());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn links_to_nothing_are_reported() {
    let page = "# A `B` & C: d_e\n\n## Twice\n\n## Twice\n\n\
        [good](other.md) [good](#a-b--c-d_e) [good](#twice-1) [good](https://example.com/x#y)\n\
        [good][ref] [text] `[code](gone.md)`\n\n\
        [no file](gone.md) [out](../../x.md) [root](/other.md) [no heading](#twice-2)\n\
        ![no image](gone.png) [no heading](other.md#none) [bad][label] [no heading](code.rs#L1)\n\n\
        | a |\n| --- |\n| [in a table](gone.rs) |\n\n[ref]: ../top.md#top\n";
    let texts = [
        ("docs/page.md", page),
        ("docs/other.md", "text"),
        ("top.md", "Top\n===\n"),
    ];
    let texts = texts.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
    let texts = BTreeMap::from(texts);
    let found = problems(&texts, |path| {
        texts.contains_key(path) || path == Path::new("docs/code.rs")
    });
    let expected = [
        "[label] is not defined",
        "there is no file gone.md",
        "there is no file ../../x.md",
        "there is no file /other.md",
        "there is no heading #twice-2",
        "there is no file gone.png",
        "there is no heading other.md#none",
        "there is no heading code.rs#L1",
        "there is no file gone.rs",
    ];
    assert_eq!(
        found,
        expected.map(|problem| format!("docs/page.md: {problem}"))
    );
}
