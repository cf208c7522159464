//! What bindgen makes of the WDK's headers for wdk-sys, written from facts instead.
//!
//! The real wdk-sys includes three generated files: `types.rs`, `constants.rs` and `ntddk.rs`.
//! Everything in them comes from the facts of `crates/kmdf-sys/tests/facts`, nothing from the
//! declarations of this project. A name that the facts lack is lacking here too, with all that is
//! made of it; the few that the driver needs all the same stand in [`SUPPLEMENTS`], with their source.

use crate::facts::{Facts, list, number, object, text};
use crate::structures::{self, Alignments, zeroed_default};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The generated files, but for the lines that tell the linker of the WDK's libraries.
pub struct Bindings {
    pub types: String,
    pub constants: String,
    pub functions: String,
    /// What wdk-sys has and the facts lack, so that it is left out.
    pub left_out: Vec<String>,
}

/// Types that the facts name without saying what they are: name, Rust type, source.
///
/// Those that only point to something follow from their names instead, see [`Types::pointer`].
const SUPPLEMENTS: [(&str, &str, &str); 16] = [
    ("wchar_t", "c_ushort", "wdk-sys-notes: WCHAR is u16"),
    ("PWSTR", "*mut WCHAR", "\"Windows Data Types\""),
    ("PCWSTR", "*const WCHAR", "\"Windows Data Types\""),
    ("PSTR", "*mut CHAR", "\"Windows Data Types\""),
    ("PCSTR", "*const CHAR", "\"Windows Data Types\""),
    ("LPCSTR", "*const CHAR", "\"Windows Data Types\""),
    (
        "PCCH",
        "*const CHAR",
        "winnt.h, as published with the Windows SDK",
    ),
    (
        "LPCGUID",
        "*const GUID",
        "guiddef.h, as published with the Windows SDK",
    ),
    (
        "PMDLX",
        "*mut MDL",
        "\"MmBuildMdlForNonPagedPool function (wdm.h)\"",
    ),
    (
        "PSECURITY_DESCRIPTOR",
        "PVOID",
        "\"SECURITY_DESCRIPTOR structure (ntifs.h)\"",
    ),
    (
        "DRIVER_ADD_DEVICE",
        "Option<unsafe extern \"C\" fn(DriverObject: *mut _DRIVER_OBJECT, \
         PhysicalDeviceObject: *mut _DEVICE_OBJECT) -> NTSTATUS>",
        "\"DRIVER_ADD_DEVICE callback function (wdm.h)\"",
    ),
    (
        "IO_ALLOCATION_ACTION",
        "c_int",
        "\"DRIVER_CONTROL callback function (wdm.h)\"",
    ),
    (
        "DRIVER_CONTROL",
        "Option<unsafe extern \"C\" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP, \
         MapRegisterBase: PVOID, Context: PVOID) -> IO_ALLOCATION_ACTION>",
        "\"DRIVER_CONTROL callback function (wdm.h)\"",
    ),
    (
        "DRIVER_STARTIO",
        "Option<unsafe extern \"C\" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP)>",
        "\"DRIVER_STARTIO callback function (wdm.h)\"",
    ),
    (
        "KDEFERRED_ROUTINE",
        "Option<unsafe extern \"C\" fn(Dpc: *mut _KDPC, DeferredContext: PVOID, \
         SystemArgument1: PVOID, SystemArgument2: PVOID)>",
        "\"KDEFERRED_ROUTINE callback function (wdm.h)\"",
    ),
    (
        "IO_WORKITEM_ROUTINE",
        "Option<unsafe extern \"C\" fn(DeviceObject: PDEVICE_OBJECT, Context: PVOID)>",
        "\"IO_WORKITEM_ROUTINE callback function (wdm.h)\"",
    ),
];

/// One item of the generated files.
struct Item {
    text: String,
    /// Identifiers in it that must be declared too.
    needs: BTreeSet<String>,
    is_structure: bool,
}

/// The types of one version, by name.
struct Types(BTreeMap<String, Item>);

/// Writes the bindings for KMDF 1.`minor`.
pub fn generate(facts: &Facts, minor: u8) -> Result<Bindings> {
    let mut types = Types(BTreeMap::new());
    types.scalars_and_handles(facts)?;
    types.enumerations(facts, minor)?;
    types.callbacks(facts)?;
    types.function_types(facts, minor)?;
    types.framework_structures(facts, minor)?;
    types.nt_structures(facts)?;
    for (name, type_, _) in SUPPLEMENTS {
        types.alias(name, type_);
    }
    let functions = functions(facts)?;
    types.complete(&functions);
    let mut left_out = types.prune();
    let mut text = String::from("unsafe extern \"C\" {\n");
    for (name, function) in &functions {
        if function.needs.iter().all(|need| types.has(need)) {
            text.push_str(&function.text);
        } else {
            left_out.push(name.clone());
        }
    }
    text.push_str("}\n");
    let layouts = types.layouts(facts, minor)?;
    let items: Vec<&str> = types.0.values().map(|item| item.text.as_str()).collect();
    Ok(Bindings {
        types: format!("{}\n{layouts}", items.join("\n")),
        constants: constants(facts, minor)?,
        functions: text,
        left_out,
    })
}

impl Types {
    fn has(&self, name: &str) -> bool {
        is_primitive(name) || self.0.contains_key(name)
    }

    /// Adds an item; what was there before stays.
    fn add(&mut self, name: &str, text: String, types: &[&str]) {
        let needs = types.iter().flat_map(|type_| identifiers(type_));
        let needs = needs.filter(|need| need != name).collect();
        let name = name.to_owned();
        let is_structure = text.starts_with("#[repr(C");
        self.0.entry(name).or_insert(Item {
            text,
            needs,
            is_structure,
        });
    }

    fn alias(&mut self, name: &str, type_: &str) {
        let text = format!("pub type {name} = {};", qualified(type_));
        self.add(name, text, &[type_]);
    }

    fn opaque(&mut self, name: &str, member: &str) {
        let text = format!(
            "#[repr(C)]\n#[derive(Clone, Copy)]\npub struct {name} {{\n    {member},\n}}\n{}",
            zeroed_default(name)
        );
        self.add(name, text, &[]);
    }

    fn scalars_and_handles(&mut self, facts: &Facts) -> Result<()> {
        for (name, fact) in object(&facts.nt["scalars"])? {
            self.alias(name, text(&fact["rust"])?);
        }
        for (name, fact) in object(&facts.kmdf["handles"])? {
            self.alias(name, text(&fact["rust"])?);
        }
        Ok(())
    }

    /// Enumerations are modules of constants, and their C name is an alias of the module's type.
    fn enumerations(&mut self, facts: &Facts, minor: u8) -> Result<()> {
        for document in [&facts.kmdf, &facts.nt] {
            for (_, fact) in object(&document["enums"])? {
                let module = text(&fact["rust"]["module"])?;
                let underlying = qualified(text(&fact["rust"]["underlying"])?);
                let mut code = format!("pub mod {module} {{\n    pub type Type = {underlying};\n");
                for (name, value) in object(&fact["values"])? {
                    writeln!(code, "    pub const {name}: Type = {value};")?;
                }
                code.push('}');
                self.add(module, code, &[]);
                if let Some(alias) = fact["rust"]["type_alias"].as_str() {
                    self.alias_of_module(alias, module);
                }
            }
        }
        let mut code =
            String::from("pub mod _WDFFUNCENUM {\n    pub type Type = ::core::ffi::c_int;\n");
        let table = list(&facts.kmdf["function_table"])?;
        let count = table_entries(table.len(), minor);
        for (index, name) in table.iter().take(count).enumerate() {
            writeln!(
                code,
                "    pub const {}TableIndex: Type = {index};",
                text(name)?
            )?;
        }
        writeln!(
            code,
            "    pub const WdfFunctionTableNumEntries: Type = {count};\n}}"
        )?;
        self.add("_WDFFUNCENUM", code, &[]);
        self.alias_of_module("WDFFUNCENUM", "_WDFFUNCENUM");
        Ok(())
    }

    fn alias_of_module(&mut self, alias: &str, module: &str) {
        self.add(
            alias,
            format!("pub use self::{module}::Type as {alias};"),
            &[module],
        );
    }

    fn callbacks(&mut self, facts: &Facts) -> Result<()> {
        for (pointer, fact) in object(&facts.kmdf["callbacks"])? {
            let mut parameters = Vec::new();
            for parameter in list(&fact["params"])? {
                parameters.push((text(&parameter["name"])?, text(&parameter["rust"])?));
            }
            let type_ = function_pointer(&parameters, text(&fact["return"]["rust"])?);
            match fact["function_type"].as_str() {
                Some(function) => {
                    self.alias(function, &type_);
                    self.alias(pointer, function);
                }
                None => self.alias(pointer, &type_),
            }
        }
        Ok(())
    }

    fn function_types(&mut self, facts: &Facts, minor: u8) -> Result<()> {
        for (name, fact) in facts.types("functions", minor)? {
            let mut parameters = Vec::new();
            for parameter in list(&fact["params"])? {
                parameters.push((text(&parameter[0])?, text(&parameter[1])?));
            }
            self.alias(
                &name,
                &function_pointer(&parameters, text(&fact["return"])?),
            );
        }
        Ok(())
    }

    fn framework_structures(&mut self, facts: &Facts, minor: u8) -> Result<()> {
        for (name, fact) in facts.types("structs", minor)? {
            let fields = list(&fact["fields"])?;
            if fields.is_empty() {
                self.opaque(&name, "_unused: [u8; 0]");
                continue;
            }
            let kind = text(&fact["kind"])?;
            let mut code = format!("#[repr(C)]\n#[derive(Clone, Copy)]\npub {kind} {name} {{\n");
            let mut types = Vec::new();
            for field in fields {
                let (field, type_) = (text(&field[0])?, text(&field[1])?);
                writeln!(code, "    pub {field}: {},", qualified(type_))?;
                types.push(type_);
            }
            writeln!(code, "}}\n{}", zeroed_default(&name))?;
            self.add(&name, code, &types);
            self.alias_of_tag(&name);
        }
        Ok(())
    }

    fn nt_structures(&mut self, facts: &Facts) -> Result<()> {
        let alignments = Alignments::of(&facts.nt)?;
        for (_, fact) in object(&facts.nt["structs"])? {
            let tag = text(&fact["tag"])?;
            let structure = structures::generate(fact, &alignments)?;
            let types: Vec<&str> = structure.needs.iter().map(String::as_str).collect();
            self.add(tag, qualified(&structure.text), &types);
            self.alias_of_tag(tag);
        }
        Ok(())
    }

    fn alias_of_tag(&mut self, tag: &str) {
        if let Some(alias) = tag.strip_prefix('_')
            && !tag.contains("__bindgen_ty_")
        {
            self.alias(alias, tag);
        }
    }

    /// Adds what is named but not described, where the name says what it is.
    fn complete(&mut self, functions: &BTreeMap<String, Item>) {
        loop {
            let named: BTreeSet<String> = self
                .0
                .values()
                .chain(functions.values())
                .flat_map(|item| item.needs.iter().cloned())
                .filter(|need| !self.has(need))
                .collect();
            let before = self.0.len();
            for name in named {
                self.complete_one(&name);
            }
            if self.0.len() == before {
                return;
            }
        }
    }

    fn complete_one(&mut self, name: &str) {
        let is_handle = name.starts_with("WDF") && !name.contains('_');
        if let Some(handle) = name
            .strip_suffix("__")
            .filter(|handle| handle.starts_with("WDF"))
        {
            self.opaque(&format!("{handle}__"), "pub unused: ::core::ffi::c_int");
        } else if is_handle {
            self.alias(name, &format!("*mut {name}__"));
        } else if let Some(type_) = self.pointer(name) {
            self.alias(name, &type_);
        } else if name.starts_with('_') {
            // A structure that the facts only point to.
            self.opaque(name, "_unused: [u8; 0]");
        }
    }

    /// The type of a pointer by its name: `PX` and `PRX` point to X, `PCX` to a constant X.
    fn pointer(&self, name: &str) -> Option<String> {
        let target = |name: &str| {
            let tag = format!("_{name}");
            [tag, name.to_owned()]
                .into_iter()
                .find(|name| self.has(name))
        };
        let function = ["PFN_", "PFAST_IO_", "PDRIVER_", "PINTERFACE_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || ["_ROUTINE", "_CALLBACK", "_CONTROL"]
                .iter()
                .any(|suffix| name.ends_with(suffix));
        let pointed = name.strip_prefix('P')?;
        if function {
            // A pointer to a function is an alias of the function's type, if that is known.
            return target(pointed).filter(|target| target == pointed);
        }
        if let Some(target) = target(pointed) {
            return Some(format!("*mut {target}"));
        }
        if let Some(target) = name.strip_prefix("PC").and_then(target) {
            return Some(format!("*const {target}"));
        }
        if let Some(target) = name.strip_prefix("PR").and_then(target) {
            return Some(format!("*mut {target}"));
        }
        Some(format!("*mut _{pointed}"))
    }

    /// Removes what needs something that is not there, and says what was removed. Of a structure only
    /// the members go: what points to it stays.
    fn prune(&mut self) -> Vec<String> {
        let mut removed = Vec::new();
        loop {
            let incomplete: Vec<String> = self
                .0
                .iter()
                .filter(|(_, item)| !item.needs.iter().all(|need| self.has(need)))
                .map(|(name, _)| name.clone())
                .collect();
            if incomplete.is_empty() {
                return removed;
            }
            for name in incomplete {
                let structure = self.0.remove(&name).is_some_and(|item| item.is_structure);
                if structure {
                    self.opaque(&name, "_unused: [u8; 0]");
                    removed.push(format!("members of {name}"));
                } else {
                    removed.push(name);
                }
            }
        }
    }

    /// Assertions of every size, alignment and offset that the facts give.
    fn layouts(&self, facts: &Facts, minor: u8) -> Result<String> {
        let differing = facts.differing("structs")?;
        let mut code = String::from("const _: () = {\n");
        for document in [&facts.nt, &facts.kmdf] {
            for (_, fact) in object(&document["structs"])? {
                let tag = text(&fact["tag"])?;
                let described = self
                    .0
                    .get(tag)
                    .is_some_and(|item| item.is_structure && !item.text.contains("_unused"));
                if !described || (minor == 15 && differing.contains_key(tag)) {
                    continue;
                }
                writeln!(
                    code,
                    "    assert!(::core::mem::size_of::<{tag}>() == {});",
                    fact["size"]
                )?;
                writeln!(
                    code,
                    "    assert!(::core::mem::align_of::<{tag}>() == {});",
                    fact["align"]
                )?;
                for field in list(&fact["fields"])? {
                    if field["bits"].is_null() {
                        let path = text(field.get("rust_path").unwrap_or(&field["name"]))?;
                        let offset = &field["offset"];
                        writeln!(
                            code,
                            "    assert!(::core::mem::offset_of!({tag}, {path}) == {offset});"
                        )?;
                    }
                }
            }
        }
        code.push_str("};\n");
        Ok(code)
    }
}

/// Entries of the function table that a target version has.
fn table_entries(newest: usize, minor: u8) -> usize {
    if minor == 15 { 444 } else { newest }
}

/// The functions of ntoskrnl.exe and hal.dll that wdk-sys declares, by name.
fn functions(facts: &Facts) -> Result<BTreeMap<String, Item>> {
    let mut functions = BTreeMap::new();
    for (name, fact) in object(&facts.nt["functions"])? {
        let declared = fact["wdk_sys"].as_str();
        if !declared.is_some_and(|path| path.starts_with("ntddk::")) {
            continue;
        }
        let result = text(&fact["return"]["rust"])?;
        let mut types = vec![result];
        let mut parameters = Vec::new();
        for (number, parameter) in (1..).zip(list(&fact["params"])?) {
            let type_ = text(&parameter["rust"])?;
            types.push(type_);
            let name = match text(&parameter["name"])? {
                "" => format!("arg{number}"),
                name => name.to_owned(),
            };
            parameters.push(format!("{name}: {}", qualified(type_)));
        }
        if fact["variadic"] == true {
            parameters.push("...".to_owned());
        }
        let must_use = if result == "NTSTATUS" {
            "    #[must_use]\n"
        } else {
            ""
        };
        let parameters = parameters.join(", ");
        let text = format!(
            "{must_use}    pub fn {name}({parameters}){};\n",
            returned(result)
        );
        let needs = types.into_iter().flat_map(identifiers).collect();
        functions.insert(
            name.clone(),
            Item {
                text,
                needs,
                is_structure: false,
            },
        );
    }
    Ok(functions)
}

/// Integer constants, and the variables that the framework's library defines.
fn constants(facts: &Facts, minor: u8) -> Result<String> {
    let mut values = BTreeMap::new();
    let sections = object(&facts.nt)?.iter();
    let sections = sections.filter(|(section, _)| section.starts_with("constants_"));
    let sections = sections.map(|(_, constants)| constants);
    for constants in sections.chain([&facts.kmdf["constants"]]) {
        for (name, fact) in object(constants)? {
            if fact["rust"] == "u32" {
                values.insert(name, number(&fact["value"])?);
            }
        }
    }
    let mut code = String::new();
    for (name, value) in values {
        writeln!(code, "pub const {name}: u32 = {value};")?;
    }
    code.push_str("unsafe extern \"C\" {\n");
    writeln!(
        code,
        "    #[link_name = \"\\u{{1}}WdfFunctions_010{minor:02}\"]\n    \
         pub static mut WdfFunctions: *const WDFFUNC;\n    \
         pub static mut WdfDriverGlobals: PWDF_DRIVER_GLOBALS;"
    )?;
    if minor >= 25 {
        writeln!(code, "    pub static mut WdfFunctionCount: ULONG;")?;
    }
    code.push_str("}\n");
    Ok(code)
}

fn function_pointer(parameters: &[(&str, &str)], result: &str) -> String {
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, type_)| format!("{name}: {type_}"))
        .collect();
    format!(
        "Option<unsafe extern \"C\" fn({}){}>",
        parameters.join(", "),
        returned(result)
    )
}

fn returned(result: &str) -> String {
    match result {
        "()" => String::new(),
        result => format!(" -> {result}"),
    }
}

/// The text with the paths that bindgen spells out.
fn qualified(code: &str) -> String {
    let mut qualified = String::new();
    let mut rest = code;
    while let Some(start) =
        rest.find(|character: char| character.is_alphanumeric() || character == '_')
    {
        let (before, word) = rest.split_at(start);
        let end = word.find(|character: char| !character.is_alphanumeric() && character != '_');
        let (word, after) = word.split_at(end.unwrap_or(word.len()));
        qualified.push_str(before);
        match word {
            "Option" => qualified.push_str("::core::option::Option"),
            c if c.starts_with("c_") => {
                qualified.push_str("::core::ffi::");
                qualified.push_str(c);
            }
            word => qualified.push_str(word),
        }
        rest = after;
    }
    qualified.push_str(rest);
    qualified
}

/// The identifiers of types in a type, without the names of parameters.
fn identifiers(type_: &str) -> impl Iterator<Item = String> {
    let type_ = type_.replace("::Type", "");
    let mut found = Vec::new();
    let mut rest = type_.as_str();
    while let Some(start) =
        rest.find(|character: char| character.is_alphanumeric() || character == '_')
    {
        let word = &rest[start..];
        let end = word.find(|character: char| !character.is_alphanumeric() && character != '_');
        let (word, after) = word.split_at(end.unwrap_or(word.len()));
        rest = after;
        let is_parameter = after.starts_with(": ");
        if !is_parameter && !word.starts_with(|first: char| first.is_ascii_digit()) && word != "C" {
            found.push(word.to_owned());
        }
    }
    found.into_iter()
}

fn is_primitive(name: &str) -> bool {
    const WORDS: [&str; 17] = [
        "mut", "const", "unsafe", "extern", "fn", "Option", "usize", "isize", "u8", "u16", "u32",
        "u64", "i8", "i16", "i32", "i64", "bool",
    ];
    WORDS.contains(&name) || name.starts_with("c_")
}

/// Names that the generated functions file declares, for the import library of the kernel.
pub fn exported_by_the_kernel(facts: &Facts) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (name, fact) in object(&facts.nt["functions"])? {
        if fact["x64"]
            .as_str()
            .context("a function without its kind")?
            .starts_with("export")
        {
            names.push(name.clone());
        }
    }
    Ok(names)
}
