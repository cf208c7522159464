//! The security descriptor definition language, as far as an INF file needs it.

use anyhow::{Context, Result, bail, ensure};

/// Codes of rights: generic, standard, of files, of registry keys, and of directory objects.
const RIGHTS: [&str; 17] = [
    "GA", "GX", "GW", "GR", "RC", "SD", "WD", "WO", "FA", "FR", "FW", "FX", "KA", "KR", "KW", "KX",
    "CC",
];

/// Codes of well-known trustees.
const TRUSTEES: [&str; 16] = [
    "AN", "AU", "BA", "BG", "BU", "CO", "IU", "LS", "NS", "NU", "OW", "RC", "SU", "SY", "UD", "WD",
];

/// Checks a descriptor string. Owner and group may stand before the list; an audit list is refused,
/// because no INF of a device has one.
pub fn check(text: &str) -> Result<()> {
    let mut rest = text;
    for part in ["O:", "G:"] {
        if let Some(named) = rest.strip_prefix(part) {
            let next = ["G:", "D:"]
                .iter()
                .filter_map(|part| named.find(part))
                .min();
            let (named, others) = named.split_at(next.unwrap_or(named.len()));
            trustee(named)?;
            rest = others;
        }
    }
    let rest = rest.strip_prefix("D:").context("it has no list, D:")?;
    let (flags, mut entries) = rest.split_at(rest.find('(').unwrap_or(rest.len()));
    ensure!(
        ["", "P", "AI", "PAI", "AR", "PAR"].contains(&flags),
        "{flags} are no flags of a list"
    );
    while !entries.is_empty() {
        let inside = entries.strip_prefix('(').context("( is missing")?;
        let (inside, others) = inside.split_once(')').context(") is missing")?;
        entry(inside)?;
        entries = others;
    }
    Ok(())
}

/// Checks one entry of an access control list: `type;flags;rights;object;inherited object;trustee`.
fn entry(text: &str) -> Result<()> {
    let fields: Vec<&str> = text.split(';').collect();
    let [kind, flags, rights, object, inherited, named] = fields[..] else {
        bail!("({text}) has {} fields, not 6", fields.len());
    };
    ensure!(["A", "D"].contains(&kind), "{kind} is no type of entry");
    ensure!(
        are_pairs(flags, &["CI", "OI", "NP", "IO", "ID"]),
        "{flags} are no flags of an entry"
    );
    ensure!(
        object.is_empty() && inherited.is_empty(),
        "only directory objects have object identifiers"
    );
    let are_rights = match rights.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).is_ok(),
        None => !rights.is_empty() && are_pairs(rights, &RIGHTS),
    };
    ensure!(are_rights, "{rights} are no rights");
    trustee(named)
}

fn trustee(text: &str) -> Result<()> {
    let is_identifier = text.strip_prefix("S-1-").is_some_and(|numbers| {
        numbers.contains('-')
            && numbers
                .split('-')
                .all(|number| number.parse::<u64>().is_ok())
    });
    ensure!(
        TRUSTEES.contains(&text) || is_identifier,
        "{text} is no trustee"
    );
    Ok(())
}

/// Whether a text is made of these codes of two letters.
fn are_pairs(text: &str, known: &[&str]) -> bool {
    let known = |pair: &[u8]| known.iter().any(|code| code.as_bytes() == pair);
    text.as_bytes().chunks(2).all(known)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn descriptors_of_devices_are_taken() {
        for text in [
            "D:P(A;;GA;;;SY)(A;;GA;;;BA)",
            "O:BAG:SYD:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGX;;;WD)",
            "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x80000000;;;S-1-5-84-0-0-0-0-0)",
        ] {
            check(text).expect(text);
        }
    }

    #[test]
    fn mistakes_are_refused() {
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
            "D:P(A;;GA;;;S-1-5)",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
