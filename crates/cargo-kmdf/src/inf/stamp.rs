//! Making an INF file from its template: architecture, versions and date.

use crate::package::date::Date;
use anyhow::{Result, bail, ensure};

/// What a template leaves open.
pub struct Stamp {
    /// The architecture as decorations write it.
    pub architecture: &'static str,
    /// The framework version that the driver binds to.
    pub kmdf: (u32, u32),
    /// The day of the package.
    pub date: Date,
    /// The version of the package.
    pub version: [u32; 4],
    /// The catalog's file name.
    pub catalog: String,
}

/// Fills in a template. The comments stay as they are; lines end as Windows ends them.
pub fn stamp(template: &str, stamp: &Stamp) -> Result<String> {
    let (major, minor) = stamp.kmdf;
    let kmdf = format!("{major}.{minor}");
    let version = stamp.version.map(|number| number.to_string()).join(".");
    let mut entries = [
        ("CatalogFile", stamp.catalog.clone(), false),
        ("DriverVer", format!("{},{version}", stamp.date), false),
    ];
    let mut stamped = String::new();
    let mut in_version = false;
    for (number, line) in (1..).zip(template.lines()) {
        let (content, comment) = line.split_at(comment_start(line));
        let mut content = content.replace("$ARCH$", stamp.architecture);
        content = content.replace("$KMDFVERSION$", &kmdf);
        if let Some(token) = tokens(&content).next() {
            bail!("line {number}: ${token}$ is none of $ARCH$ and $KMDFVERSION$");
        }
        if content.trim_start().starts_with('[') {
            in_version = content.trim().eq_ignore_ascii_case("[Version]");
        } else if in_version && let Some((key, _)) = content.split_once('=') {
            let same = |entry: &&mut (&str, String, bool)| key.trim().eq_ignore_ascii_case(entry.0);
            if let Some((_, value, done)) = entries.iter_mut().find(same) {
                content = format!("{key}= {value}");
                *done = true;
            }
        }
        stamped.extend([content.as_str(), comment, "\r\n"]);
    }
    for (key, _, done) in entries {
        ensure!(done, "[Version] has no {key} to fill in");
    }
    Ok(stamped)
}

/// Where the comment of a line starts; its end if it has none.
fn comment_start(line: &str) -> usize {
    let mut quoted = false;
    let start = line.find(|character| {
        quoted ^= character == '"';
        character == ';' && !quoted
    });
    start.unwrap_or(line.len())
}

/// The words between dollar signs that are capital letters, digits and underscores.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let word = |word: &&str| {
        let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        !word.is_empty() && word.bytes().all(fits)
    };
    let pieces = text.split('$').count();
    text.split('$')
        .skip(1)
        .take(pieces.saturating_sub(2))
        .filter(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Stamp {
        Stamp {
            architecture: "amd64",
            kmdf: (1, 15),
            date: Date {
                year: 2026,
                month: 11,
                day: 21,
            },
            version: [0, 1, 0, 0],
            catalog: "wdfmem.cat".into(),
        }
    }

    #[test]
    fn a_template_is_filled_in_and_its_comments_are_kept() {
        let template = "; $ARCH$ is stamped\n[version]\nCatalogFile = x\n\
                        DriverVer   = 1 ; date\n[D.NT$ARCH$]\nV = $KMDFVERSION$\nS = \"a;b\" ; c\n";
        let expected = "; $ARCH$ is stamped\r\n[version]\r\nCatalogFile = wdfmem.cat\r\n\
                        DriverVer   = 11/21/2026,0.1.0.0; date\r\n[D.NTamd64]\r\nV = 1.15\r\n\
                        S = \"a;b\" ; c\r\n";
        assert_eq!(stamp(template, &example()).unwrap(), expected);
    }

    #[test]
    fn an_unknown_token_and_a_missing_entry_are_refused() {
        let head = "[Version]\nCatalogFile = x\nDriverVer = y\n";
        let error = stamp(&format!("{head}a = $UMDFVERSION$\n"), &example()).unwrap_err();
        assert!(
            error.to_string().contains("line 4: $UMDFVERSION$"),
            "{error}"
        );
        assert!(
            stamp(
                "[Version]\nCatalogFile = x\n[Other]\nDriverVer = y\n",
                &example()
            )
            .is_err()
        );
        assert!(stamp(&format!("{head}Signature = \"$WINDOWS NT$\"\n"), &example()).is_ok());
    }
}
