//! Ids of rules in running text and in names.

use anyhow::Result;
use regex::Regex;
use std::collections::BTreeSet;

/// The ids that exist, and what looks like one.
#[derive(Debug)]
pub struct Known {
    ids: BTreeSet<String>,
    id: Regex,
    range: Regex,
    parameter: Regex,
}

/// What a text says of rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    pub ids: Vec<String>,
    /// Ranges of ids do not count: they show nothing of what lies inside.
    pub ranges: Vec<String>,
}

impl Known {
    pub fn new(ids: impl IntoIterator<Item = String>) -> Result<Self> {
        let ids: BTreeSet<_> = ids.into_iter().collect();
        let starts: BTreeSet<_> = (ids.iter())
            .map(|id| id.trim_end_matches(|letter: char| letter.is_ascii_digit()))
            .collect();
        // After a letter alone at most two digits, so that `E820` is no id.
        let digits = |start: &str| if start.ends_with('-') { 3 } else { 2 };
        let forms: Vec<_> = (starts.iter())
            .map(|start| format!(r"{start}\d{{1,{}}}", digits(start)))
            .collect();
        let id = format!("(?:{})", forms.join("|"));
        let to = r"(?:\s+(?:to|through)\s+|\s*(?:–|-|\.\.[.=]?)\s*)";
        Ok(Self {
            range: Regex::new(&format!(r"\b{id}(?:{to}{id}|\s+ff)\b"))?,
            // `P1 = 0x8` is a parameter of a bug check.
            parameter: Regex::new(&format!(r"\b{id}\s*="))?,
            id: Regex::new(&format!("^{id}$"))?,
            ids,
        })
    }

    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// The ids in a text, those too that no rule has.
    pub fn in_text(&self, text: &str) -> Mentions {
        let ranges = self.range.find_iter(text);
        let ranges = ranges.map(|range| range.as_str().to_owned()).collect();
        let text = self.range.replace_all(text, " ");
        let text = self.parameter.replace_all(&text, " ");
        let is_part = |letter: char| letter.is_alphanumeric() || "_-".contains(letter);
        let words = text.split(|letter| !is_part(letter));
        let words = words.map(|word| word.trim_matches('-'));
        let ids = words.filter(|word| self.id.is_match(word));
        Mentions {
            ids: ids.map(str::to_owned).collect(),
            ranges,
        }
    }

    /// The ids in a name such as `c5_is_refused` or `the_order_of_mem_13`.
    pub fn in_name(&self, name: &str) -> Vec<String> {
        let parts: Vec<_> = name.split('_').map(str::to_ascii_uppercase).collect();
        let pairs = parts.windows(2).map(|pair| pair.join("-"));
        (parts.iter().cloned().chain(pairs))
            .filter(|word| self.id.is_match(word))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Mentions};

    fn known() -> Known {
        Known::new(["C1", "C3", "C5", "P1", "MEM-13", "MEM-15", "NT-1"].map(str::to_owned))
            .expect("ids")
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
