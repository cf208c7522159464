//! Facts about wdk-sys and the headers under it, from `crates/kmdf-sys/tests/facts`.

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// The version of wdk-sys that the facts were taken from.
pub const WDK_SYS: &str = "0.5.2";

/// The documents of facts.
pub struct Facts {
    /// Structures, functions and constants of the NT kernel.
    pub nt: Value,
    /// Layouts, indices, enumerations and callbacks of KMDF 1.33.
    pub kmdf: Value,
    /// Rust types that wdk-sys generates for KMDF 1.15, and what differs in 1.33.
    types: Value,
}

impl Facts {
    pub fn read(root: &Path) -> Result<Self> {
        let folder = root.join("crates/kmdf-sys/tests/facts");
        let document = |name: &str| -> Result<Value> {
            let file = folder.join(name);
            let text = fs::read_to_string(&file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
        };
        Ok(Self {
            nt: document("nt-x64.json")?,
            kmdf: document("kmdf-1.33-x64.json")?,
            types: document("wdk-sys-types-x64.json")?,
        })
    }

    /// The Rust types of one kind, `functions` or `structs`, as generated for `minor`.
    pub fn types(&self, kind: &str, minor: u8) -> Result<Map<String, Value>> {
        let mut types = object(&self.types["kmdf_1_15"][kind])?.clone();
        if minor > 15 {
            types.extend(self.differing(kind)?.clone());
        }
        Ok(types)
    }

    /// The Rust types of one kind that are not the same in 1.15 and 1.33.
    pub fn differing(&self, kind: &str) -> Result<&Map<String, Value>> {
        object(&self.types["kmdf_1_33_differs"][kind])
    }
}

pub fn object(value: &Value) -> Result<&Map<String, Value>> {
    value.as_object().context("the facts lack a table")
}

pub fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("the facts lack a list")
}

pub fn text(value: &Value) -> Result<&str> {
    value.as_str().context("the facts lack a name or a type")
}

pub fn number(value: &Value) -> Result<u64> {
    value.as_u64().context("the facts lack a number")
}
