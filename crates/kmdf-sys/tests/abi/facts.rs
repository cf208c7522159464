//! Reads the ABI facts and the crate's own declarations for the tests to compare.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use syn::{Fields, Item, Type};

/// The two documents of facts, of NT and of KMDF.
pub struct Facts {
    documents: Vec<Value>,
}

/// Layout of one structure by the facts.
pub struct Structure {
    pub size: usize,
    pub align: usize,
    fields: Vec<Value>,
}

pub fn facts() -> Facts {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/facts");
    let documents = ["nt-x64.json", "kmdf-1.33-x64.json"]
        .map(|name| {
            let text = fs::read_to_string(folder.join(name)).expect("facts are in the repository");
            serde_json::from_str(&text).expect("facts are JSON")
        })
        .to_vec();
    Facts { documents }
}

impl Facts {
    /// The entry of `name` in the first document whose `section` has it.
    pub fn find(&self, section: &str, name: &str) -> Option<&Value> {
        self.documents
            .iter()
            .find_map(|document| document.get(section)?.get(name))
    }

    /// The entry of `name` in any section that starts with `prefix`.
    pub fn find_in_sections(&self, prefix: &str, name: &str) -> Option<&Value> {
        self.documents
            .iter()
            .flat_map(|document| document.as_object().expect("a document is an object"))
            .filter(|(section, _)| section.starts_with(prefix))
            .find_map(|(_, entries)| entries.get(name))
    }

    /// A structure by its tag, which is the name that bindgen gives the Rust type.
    pub fn structure(&self, tag: &str) -> Structure {
        let fact = self
            .documents
            .iter()
            .flat_map(|document| {
                document["structs"]
                    .as_object()
                    .expect("structs is an object")
            })
            .map(|(_, fact)| fact)
            .find(|fact| fact["tag"] == tag || fact["rust"]["type"] == tag)
            .unwrap_or_else(|| panic!("no facts of {tag}"));
        Structure {
            size: integer(&fact["size"]) as usize,
            align: integer(&fact["align"]) as usize,
            fields: fact["fields"].as_array().expect("fields is a list").clone(),
        }
    }

    /// Names of the framework's table, in order.
    pub fn function_table(&self) -> Vec<String> {
        self.documents
            .iter()
            .find_map(|document| document.get("function_table")?.as_array())
            .expect("the KMDF facts have the table")
            .iter()
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect()
    }
}

impl Structure {
    pub fn offset_of(&self, path: &str) -> Option<usize> {
        self.field(path)
            .map(|field| integer(&field["offset"]) as usize)
    }

    pub fn type_of(&self, path: &str) -> Option<&str> {
        self.field(path)?["rust"].as_str()
    }

    fn field(&self, path: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find(|field| field.get("rust_path").unwrap_or(&field["name"]) == path)
    }
}

/// An integer of the facts: a number, or text in hexadecimal.
pub fn integer(value: &Value) -> i128 {
    match value {
        Value::Number(number) => number.as_i64().map(i128::from).expect("an integer"),
        Value::String(text) => {
            let digits = text.trim_start_matches("0x");
            i128::from_str_radix(digits, 16).expect("a hexadecimal integer")
        }
        other => panic!("{other} is no integer"),
    }
}

/// The items of one source file of the crate.
pub fn items(file: &str) -> Vec<Item> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = fs::read_to_string(&path).expect("a source file of this crate");
    syn::parse_file(&text).expect("valid Rust").items
}

/// A type of the facts, spelled as the crate spells it: C scalars are what they are on Windows.
pub fn spelled_fact(rust: &str) -> String {
    let type_ = syn::parse_str::<Type>(rust).unwrap_or_else(|_| panic!("{rust} is no type"));
    const WINDOWS_SCALARS: [(&str, &str); 6] = [
        ("c_char", "i8"),
        ("c_uchar", "u8"),
        ("c_short", "i16"),
        ("c_ushort", "u16"),
        ("c_long", "i32"),
        ("c_ulong", "u32"),
    ];
    WINDOWS_SCALARS
        .iter()
        .fold(spelled(&type_), |text, (c, rust)| text.replace(c, rust))
}

/// Source text of a type without spaces, and array lengths without their suffix.
pub fn spelled(tokens: &impl quote::ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    let compact: String = text.split_whitespace().collect();
    match compact.split_once(';') {
        Some((element, length)) => format!("{element};{}", length.replace("usize", "")),
        None => compact,
    }
}

/// Every structure of the NT and WDF files: the path of each field with the type it is declared as.
pub fn declared_structures() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut declared = BTreeMap::new();
    for item in ["declarations/nt.rs", "declarations/wdf_structures.rs"]
        .into_iter()
        .flat_map(items)
    {
        match item {
            Item::Struct(item) => {
                let Fields::Named(fields) = item.fields else {
                    panic!("{} has no named fields", item.ident);
                };
                declared.insert(item.ident.to_string(), fields.named);
            }
            Item::Union(item) => {
                declared.insert(item.ident.to_string(), item.fields.named);
            }
            _ => {}
        }
    }
    let mut structures = BTreeMap::new();
    for name in declared
        .keys()
        .filter(|name| !name.contains("__bindgen_ty_"))
    {
        let mut paths = BTreeMap::new();
        collect_paths(&declared, name, "", &mut paths);
        structures.insert(name.clone(), paths);
    }
    structures
}

type Declared = BTreeMap<String, syn::punctuated::Punctuated<syn::Field, syn::Token![,]>>;

fn collect_paths(
    declared: &Declared,
    name: &str,
    prefix: &str,
    paths: &mut BTreeMap<String, String>,
) {
    for field in &declared[name] {
        let ident = field.ident.as_ref().expect("a named field").to_string();
        if ident.starts_with("__bindgen_padding_") {
            continue;
        }
        let path = format!("{prefix}{ident}");
        let nested = match &field.ty {
            Type::Path(path) => path.path.get_ident().map(ToString::to_string),
            _ => None,
        };
        match nested.filter(|nested| nested.contains("__bindgen_ty_")) {
            Some(nested) => {
                collect_paths(declared, &nested, &format!("{path}."), paths);
                if !ident.starts_with("__bindgen_anon_") {
                    paths.insert(path, spelled(&field.ty));
                }
            }
            None => {
                paths.insert(path, spelled(&field.ty));
            }
        }
    }
}
