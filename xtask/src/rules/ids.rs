//! Ids of rules in running text and in names.

use std::collections::BTreeSet;

/// The ids that exist.
#[derive(Debug, Default)]
pub struct Known {
    ids: BTreeSet<String>,
    /// What ids start with: letters (`C`), or letters and a hyphen (`MEM-`).
    starts: BTreeSet<String>,
}

impl Known {
    pub fn new(ids: impl IntoIterator<Item = String>) -> Self {
        let ids: BTreeSet<_> = ids.into_iter().collect();
        let starts = ids.iter().map(|id| start(id).to_owned()).collect();
        Self { ids, starts }
    }

    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Whether a word looks like an id: the start of a known one, then one to three digits; after a
    /// letter alone at most two, so that `E820` is none.
    fn looks_like(&self, word: &str) -> bool {
        let start = start(word);
        let digits = &word[start.len()..];
        let most = if start.ends_with('-') { 3 } else { 2 };
        self.starts.contains(start)
            && (1..=most).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The ids in a text, and the ranges of ids, which do not count: a range shows nothing of what
    /// lies inside.
    pub fn in_text(&self, text: &str) -> Mentions {
        let words = words(text);
        let is_id = |at: usize| {
            words
                .get(at)
                .is_some_and(|&(_, word)| self.looks_like(word))
        };
        // What stands between a word and the next one.
        let between = |at: usize| {
            let end = words[at].0 + words[at].1.len();
            let next = words.get(at + 1).map_or(text.len(), |word| word.0);
            text[end..next].trim_matches(|letter: char| letter.is_whitespace() || letter == '/')
        };
        let mut found = Mentions::default();
        let mut at = 0;
        while at < words.len() {
            let (offset, word) = words[at];
            let range = match words.get(at + 1) {
                Some(&(_, "to" | "through")) if is_id(at) && is_id(at + 2) => Some(at + 2),
                Some(&(_, "ff")) if is_id(at) => Some(at + 1),
                Some(_) if is_id(at) && is_id(at + 1) => {
                    matches!(between(at), "–" | ".." | "..=" | "...").then_some(at + 1)
                }
                _ => None,
            };
            if let Some(last) = range {
                let (start, end) = (offset, words[last].0 + words[last].1.len());
                found.ranges.push(text[start..end].to_owned());
                at = last + 1;
                continue;
            }
            match word.split_once('-') {
                Some((left, right)) if self.looks_like(left) && self.looks_like(right) => {
                    found.ranges.push(word.to_owned());
                }
                // `P1 = 0x8` is a parameter of a bug check.
                _ if is_id(at) && !between(at).starts_with('=') => found.ids.push(word.to_owned()),
                _ => {}
            }
            at += 1;
        }
        found
    }

    /// The ids in a name such as `c5_is_refused` or `the_order_of_mem_13`.
    pub fn in_name(&self, name: &str) -> Vec<String> {
        let parts: Vec<_> = name.split('_').map(str::to_ascii_uppercase).collect();
        let pairs = parts
            .windows(2)
            .map(|pair| format!("{}-{}", pair[0], pair[1]));
        (parts.iter().cloned().chain(pairs))
            .filter(|word| self.looks_like(word))
            .collect()
    }
}

/// What a text says of rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    pub ids: Vec<String>,
    pub ranges: Vec<String>,
}

/// Everything before the digits.
fn start(id: &str) -> &str {
    id.trim_end_matches(|letter: char| letter.is_ascii_digit())
}

/// The words of a text with their offsets; hyphens inside belong to them.
fn words(text: &str) -> Vec<(usize, &str)> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..].find(is_part) {
        let start = rest + start;
        let end = text[start..]
            .find(|letter| !is_part(letter))
            .map_or(text.len(), |length| start + length);
        let word = text[start..end].trim_end_matches('-');
        let trimmed = word.trim_start_matches('-');
        if !trimmed.is_empty() {
            found.push((start + word.len() - trimmed.len(), trimmed));
        }
        rest = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Known, Mentions};

    fn known() -> Known {
        Known::new(["C1", "C3", "C5", "P1", "MEM-13", "MEM-15", "NT-1"].map(str::to_owned))
    }

    fn ids(text: &str) -> Vec<String> {
        known().in_text(text).ids
    }

    #[test]
    fn ids_are_whole_words() {
        assert_eq!(
            ids("C5, MEM-13: no (C1)/NT-1."),
            ["C5", "MEM-13", "C1", "NT-1"]
        );
        assert_eq!(ids("0xC5 C5x XC5 C_5 c5 E820 C820 MEM- UTF-16"), [""; 0]);
        assert_eq!(ids("over C5-"), ["C5"]);
    }

    #[test]
    fn ids_that_do_not_exist_are_found_too() {
        assert_eq!(ids("C99 and MEM-999"), ["C99", "MEM-999"]);
        assert!(!known().contains("C99"));
    }

    #[test]
    fn ranges_do_not_count() {
        for text in [
            "C1 to C3",
            "C1-C3",
            "C1..C3",
            "C1–C3",
            "MEM-13 to MEM-15",
            "NT-1 ff",
        ] {
            let expected = Mentions {
                ids: vec!["C5".to_owned()],
                ranges: vec![text.to_owned()],
            };
            assert_eq!(known().in_text(&format!("C5, {text}.")), expected);
        }
        assert_eq!(ids("C1, to which C3 adds"), ["C1", "C3"]);
    }

    #[test]
    fn parameters_of_a_bug_check_are_no_ids() {
        assert_eq!(ids("0xC4 with P1 = 0x62"), [""; 0]);
    }

    #[test]
    fn names_carry_ids_between_underscores() {
        assert_eq!(known().in_name("c5_is_refused"), ["C5"]);
        assert_eq!(known().in_name("order_of_mem_13"), ["MEM-13"]);
        assert_eq!(known().in_name("c99_is_unknown"), ["C99"]);
        assert_eq!(known().in_name("specific50_mem"), [""; 0]);
    }
}
