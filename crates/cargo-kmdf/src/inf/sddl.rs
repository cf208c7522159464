//! The security descriptor definition language, as far as an INF file needs it.

use std::fmt;

/// A discretionary access control list, as a descriptor string gives it.
pub struct AccessList {
    protected: bool,
    entries: Vec<AccessEntry>,
}

struct AccessEntry {
    allowed: bool,
    rights: u32,
    trustee: String,
}

/// Why a text is no security descriptor.
#[derive(Debug)]
pub struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Codes of rights, and their bits.
const RIGHTS: [(&str, u32); 17] = [
    ("GA", 0x1000_0000),
    ("GX", 0x2000_0000),
    ("GW", 0x4000_0000),
    ("GR", 0x8000_0000),
    ("RC", 0x0002_0000),
    ("SD", 0x0001_0000),
    ("WD", 0x0004_0000),
    ("WO", 0x0008_0000),
    ("FA", 0x001F_01FF),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00A0),
    ("KA", 0x000F_003F),
    ("KR", 0x0002_0019),
    ("KW", 0x0002_0006),
    ("KX", 0x0002_0019),
    ("CC", 0x0000_0001),
];

/// Codes of well-known trustees.
const TRUSTEES: [&str; 16] = [
    "AN", "AU", "BA", "BG", "BU", "CO", "IU", "LS", "NS", "NU", "OW", "RC", "SU", "SY", "UD", "WD",
];

/// The right to do everything.
const ALL: u32 = 0x1000_0000;

/// Rights to change something: all, write, delete, change the list or the owner, and what writing
/// means for a file.
const WRITE: u32 = ALL | 0x4000_0000 | 0x000D_0000 | 0x0000_0116;

/// Trustees that may do anything anyway.
const PRIVILEGED: [&str; 2] = ["SY", "BA"];

impl AccessList {
    /// Why the list is weaker than a device's ought to be.
    pub fn weakness(&self) -> Option<String> {
        if !self.protected {
            return Some("it is not protected from what its parent gives".into());
        }
        for trustee in PRIVILEGED {
            let full = |entry: &AccessEntry| {
                entry.allowed && entry.trustee == trustee && entry.rights & ALL != 0
            };
            if !self.entries.iter().any(full) {
                return Some(format!("{trustee} does not have all access"));
            }
        }
        let open = self.entries.iter().find(|entry| {
            entry.allowed
                && entry.rights & WRITE != 0
                && !PRIVILEGED.contains(&entry.trustee.as_str())
        });
        open.map(|entry| format!("{} may write", entry.trustee))
    }
}

/// Reads a descriptor string. Owner and group may stand before the list; an audit list is refused,
/// because no INF of a device has one.
pub fn parse(text: &str) -> Result<AccessList, Mistake> {
    let mistake = |message: &str| Mistake(message.to_owned());
    let mut rest = text;
    for part in ["O:", "G:"] {
        if let Some(trustee) = rest.strip_prefix(part) {
            let next = ["G:", "D:"]
                .iter()
                .filter_map(|part| trustee.find(part))
                .min();
            let end = next.unwrap_or(trustee.len());
            self::trustee(&trustee[..end])?;
            rest = &trustee[end..];
        }
    }
    let rest = rest
        .strip_prefix("D:")
        .ok_or_else(|| mistake("it has no list, D:"))?;
    let (flags, mut entries) = rest.split_at(rest.find('(').unwrap_or(rest.len()));
    if !["", "P", "AI", "PAI", "AR", "PAR"].contains(&flags) {
        return Err(Mistake(format!("{flags} are no flags of a list")));
    }
    let mut list = AccessList {
        protected: flags.starts_with('P'),
        entries: Vec::new(),
    };
    while !entries.is_empty() {
        let inside = entries
            .strip_prefix('(')
            .ok_or_else(|| mistake("( is missing"))?;
        let end = inside.find(')').ok_or_else(|| mistake(") is missing"))?;
        list.entries.push(entry(&inside[..end])?);
        entries = &inside[end + 1..];
    }
    Ok(list)
}

/// Reads `type;flags;rights;object;inherited object;trustee`.
fn entry(text: &str) -> Result<AccessEntry, Mistake> {
    let fields: Vec<&str> = text.split(';').collect();
    let [kind, flags, rights, object, inherited, trustee] = fields[..] else {
        return Err(Mistake(format!(
            "({text}) has {} fields, not 6",
            fields.len()
        )));
    };
    if !["A", "D"].contains(&kind) {
        return Err(Mistake(format!("{kind} is no type of entry")));
    }
    if !flags.is_ascii() || !pairs(flags).all(|flag| ["CI", "OI", "NP", "IO", "ID"].contains(&flag))
    {
        return Err(Mistake(format!("{flags} are no flags of an entry")));
    }
    if !object.is_empty() || !inherited.is_empty() {
        return Err(Mistake(
            "only directory objects have object identifiers".into(),
        ));
    }
    Ok(AccessEntry {
        allowed: kind == "A",
        rights: self::rights(rights)?,
        trustee: self::trustee(trustee)?,
    })
}

fn rights(text: &str) -> Result<u32, Mistake> {
    let unknown = |code: &str| Mistake(format!("{code} is no right"));
    if text.is_empty() || !text.is_ascii() {
        return Err(unknown(text));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).map_err(|_| unknown(text));
    }
    pairs(text).try_fold(0, |bits, code| {
        let known = RIGHTS.iter().find(|(name, _)| *name == code);
        known
            .map(|(_, bit)| bits | bit)
            .ok_or_else(|| unknown(code))
    })
}

fn trustee(text: &str) -> Result<String, Mistake> {
    let authorities = |numbers: &str| {
        numbers.split('-').count() >= 2
            && numbers
                .split('-')
                .all(|number| number.parse::<u64>().is_ok())
    };
    let identifier = text.strip_prefix("S-1-").is_some_and(authorities);
    if TRUSTEES.contains(&text) || identifier {
        Ok(text.to_owned())
    } else {
        Err(Mistake(format!("{text} is no trustee")))
    }
}

/// The text in pairs of ASCII characters.
fn pairs(text: &str) -> impl Iterator<Item = &str> {
    (0..text.len())
        .step_by(2)
        .map(|start| &text[start..text.len().min(start + 2)])
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn weakness(text: &str) -> Option<String> {
        parse(text)
            .unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
            .weakness()
    }

    #[test]
    fn full_access_for_system_and_administrators_alone_is_strong() {
        assert_eq!(weakness("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), None);
        assert_eq!(
            weakness("O:BAG:SYD:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGX;;;WD)"),
            None
        );
        assert_eq!(
            weakness("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x80000000;;;S-1-5-84-0-0-0-0-0)"),
            None
        );
    }

    #[test]
    fn whoever_else_may_write_is_named() {
        for right in ["GA", "GW", "GRGWGX", "WD", "FA", "0x40000000"] {
            let text = format!("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;{right};;;BU)");
            assert_eq!(weakness(&text).as_deref(), Some("BU may write"), "{text}");
        }
        assert!(weakness("D:(A;;GA;;;SY)(A;;GA;;;BA)").is_some());
        assert!(weakness("D:P(A;;GA;;;BA)").is_some());
    }

    #[test]
    fn mistakes_are_told_apart_from_weaknesses() {
        for text in [
            "",
            "P(A;;GA;;;SY)",
            "D:Q(A;;GA;;;SY)",
            "D:P(A;;GA;;SY)",
            "D:P(A;;GA;;;SY",
            "D:P(A;;GA;;;SY)x",
            "D:P(Z;;GA;;;SY)",
            "D:P(A;XX;GA;;;SY)",
            "D:P(A;;GAG;;;SY)",
            "D:P(A;;;;;SY)",
            "D:P(A;;GÄ;;;SY)",
            "D:P(A;;0xZ;;;SY)",
            "D:P(A;;GA;{x};;SY)",
            "D:P(A;;GA;;;XY)",
            "D:P(A;;GA;;;S-1-x)",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
