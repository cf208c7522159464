//! Structures of the NT kernel as bindgen nests them: unnamed members, unions, padding.

use crate::facts::{list, number, text};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rust text of one structure with the types nested in it.
pub struct Structure {
    pub text: String,
    /// Types that its members are of.
    pub needs: Vec<String>,
}

/// A member: a plain one, or one of a type that is nested in the structure.
struct Member<'a> {
    name: &'a str,
    /// What the facts say of the member itself; unnamed members have nothing of their own.
    fact: Option<&'a Value>,
    members: Vec<Member<'a>>,
}

/// Alignments of the types that the facts describe, for members after which there is padding.
pub struct Alignments(BTreeMap<String, u64>);

impl Alignments {
    /// Collects the alignments of all `scalars` and `structs` of a document of facts.
    pub fn of(document: &Value) -> Result<Self> {
        let mut alignments = BTreeMap::new();
        for (name, fact) in super::facts::object(&document["scalars"])? {
            alignments.insert(name.clone(), number(&fact["align"])?);
        }
        for (name, fact) in super::facts::object(&document["structs"])? {
            let align = number(&fact["align"])?;
            alignments.insert(name.clone(), align);
            alignments.insert(text(&fact["tag"])?.to_owned(), align);
        }
        Ok(Self(alignments))
    }

    fn of_type(&self, name: &str, size: u64) -> u64 {
        let element = name
            .trim_start_matches('[')
            .split(';')
            .next()
            .unwrap_or(name);
        let array = name.starts_with('[');
        match self.0.get(element.trim()) {
            Some(align) => *align,
            // Pointers and enumerations are as large as they are aligned.
            None if array => 8,
            None => size.min(8),
        }
    }
}

/// The Rust text of the structure that `fact` describes.
pub fn generate(fact: &Value, alignments: &Alignments) -> Result<Structure> {
    let tag = text(&fact["tag"])?;
    let mut root = Member {
        name: "",
        fact: Some(fact),
        members: Vec::new(),
    };
    for field in list(&fact["fields"])? {
        let path = field.get("rust_path").unwrap_or(&field["name"]);
        root.insert(text(path)?, field)?;
    }
    let mut structure = Structure {
        text: String::new(),
        needs: Vec::new(),
    };
    root.write(tag, alignments, &mut structure)
        .with_context(|| format!("{tag} cannot be generated"))?;
    Ok(structure)
}

impl<'a> Member<'a> {
    fn insert(&mut self, path: &'a str, field: &'a Value) -> Result<()> {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let position = self.members.iter().position(|member| member.name == name);
        let member = match position {
            Some(position) => &mut self.members[position],
            None => {
                self.members.push(Member {
                    name,
                    fact: None,
                    members: Vec::new(),
                });
                self.members.last_mut().context("a member was just added")?
            }
        };
        match rest {
            Some(rest) => member.insert(rest, field),
            None => {
                member.fact = Some(field);
                Ok(())
            }
        }
    }

    fn is_bit_field(&self) -> bool {
        self.fact.is_some_and(|fact| !fact["bits"].is_null())
    }

    /// Where the member begins, from the start of the outermost structure.
    fn start(&self) -> Result<u64> {
        match self.fact.filter(|fact| !fact["offset"].is_null()) {
            Some(fact) => number(&fact["offset"]),
            None if self.name.is_empty() => Ok(0),
            None => {
                let starts = self.members.iter().map(Self::start);
                let starts = starts.collect::<Result<Vec<_>>>()?;
                starts.into_iter().min().context("a member without facts")
            }
        }
    }

    fn end(&self) -> Result<u64> {
        if self.is_bit_field() {
            let fact = self.fact.context("a bit-field has facts")?;
            let bits = number(&fact["bit"])? + number(&fact["bits"])?;
            return Ok(self.start()? + bits.div_ceil(8));
        }
        match self.fact.filter(|fact| !fact["size"].is_null()) {
            Some(fact) => Ok(self.start()? + number(&fact["size"])?),
            None => {
                let align = self.natural_alignment();
                let ends = self.members.iter().map(Self::end);
                let ends = ends.collect::<Result<Vec<_>>>()?;
                let end = ends.into_iter().max().context("a member without facts")?;
                let start = self.start()?;
                Ok(start + (end - start).next_multiple_of(align))
            }
        }
    }

    /// The alignment of an unnamed member: that of its widest plain member, as far as sizes tell.
    fn natural_alignment(&self) -> u64 {
        let aligns = self.members.iter().map(|member| {
            if member.members.is_empty() {
                let size = member.fact.and_then(|fact| fact["size"].as_u64());
                size.filter(|size| size.is_power_of_two())
                    .unwrap_or(1)
                    .min(8)
            } else {
                member.natural_alignment()
            }
        });
        aligns.max().unwrap_or(1)
    }

    fn is_union(&self) -> Result<bool> {
        let said = self.fact.and_then(|fact| {
            let kind = if self.name.is_empty() { "kind" } else { "c" };
            fact[kind].as_str()
        });
        match said {
            Some("union") => Ok(true),
            Some(_) => Ok(false),
            // Of an unnamed member only its members are known.
            None => {
                let start = self.start()?;
                let mut overlapping = self.members.len() > 1;
                for member in &self.members {
                    overlapping &= member.start()? == start && !member.is_bit_field();
                }
                Ok(overlapping)
            }
        }
    }

    /// Writes the type `name` and the types nested in it.
    fn write(&self, name: &str, alignments: &Alignments, into: &mut Structure) -> Result<()> {
        let union = self.is_union()?;
        let mut fields = String::new();
        let (mut nested, mut paddings, mut at) = (0, 0, self.start()?);
        for member in &self.members {
            let (start, size) = (member.start()?, member.end()? - member.start()?);
            if member.is_bit_field() {
                // Accessors of bit-fields are left out: their bytes are all that is declared.
                if start >= at {
                    let size = self.bit_field_bytes(start)?;
                    writeln!(fields, "    pub _bitfield_{paddings}: [u8; {size}usize],")?;
                    paddings += 1;
                    at = start + size;
                }
                continue;
            }
            let (type_, align) = if member.members.is_empty() {
                let fact = member.fact.context("a member without facts")?;
                let type_ = text(&fact["rust"])?;
                into.needs.push(type_.to_owned());
                (type_.to_owned(), alignments.of_type(type_, size))
            } else {
                nested += 1;
                let type_ = format!("{name}__bindgen_ty_{nested}");
                if let Some(said) = member.fact.and_then(|fact| fact["rust"].as_str())
                    && said != type_
                {
                    bail!("{said} would be called {type_}: the facts lack a member before it");
                }
                member.write(&type_, alignments, into)?;
                (type_, member.natural_alignment())
            };
            if !union {
                // What C aligns by an attribute is padded by bindgen.
                if at.next_multiple_of(align) < start {
                    let size = start - at;
                    writeln!(
                        fields,
                        "    pub __bindgen_padding_{paddings}: [u8; {size}usize],"
                    )?;
                    paddings += 1;
                }
                at = start + size;
            }
            writeln!(fields, "    pub {}: {type_},", member.name)?;
        }
        let repr = match self
            .fact
            .and_then(|fact| fact["rust"]["repr_align"].as_u64())
        {
            Some(align) => format!("C, align({align})"),
            None => "C".to_owned(),
        };
        let kind = if union { "union" } else { "struct" };
        writeln!(
            into.text,
            "#[repr({repr})]\n#[derive(Clone, Copy)]\npub {kind} {name} {{\n{fields}}}\n{}",
            zeroed_default(name)
        )?;
        Ok(())
    }

    /// Bytes of the bit-fields that begin at `start`, with those that go on from there.
    fn bit_field_bytes(&self, start: u64) -> Result<u64> {
        let mut end = start;
        for member in &self.members {
            if member.is_bit_field() && member.start()? >= start {
                end = end.max(member.end()?);
            }
        }
        Ok((end - start).next_power_of_two())
    }
}

/// The all-zero `Default` that bindgen gives every structure.
pub fn zeroed_default(name: &str) -> String {
    format!(
        "impl Default for {name} {{\n    fn default() -> Self {{\n        \
         unsafe {{ ::core::mem::zeroed() }}\n    }}\n}}"
    )
}
