//! Every value and signature declared without a WDK is that of the facts.

use crate::facts::{Facts, facts, integer, items, spelled, spelled_fact};
use serde_json::Value;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    BinOp, Expr, FnArg, ForeignItem, GenericArgument, Ident, Item, ItemConst, Lit, PathArguments,
    ReturnType, Signature, Token, Type, UnOp,
};

/// Documented kernel functions that the facts leave out.
const FUNCTIONS_BEYOND_THE_FACTS: [&str; 3] = [
    "DbgBreakPoint",
    "IoAllocateDriverObjectExtension",
    "IoGetDriverObjectExtension",
];

/// A status code that wdk-sys has and the facts leave out, with its documented value.
const STATUS_BEYOND_THE_FACTS: (&str, i128) = ("STATUS_INVALID_SECURITY_DESCR", 0xC000_0079);

/// Evaluates the few forms of constant expression that the declarations use.
fn evaluate(expression: &Expr) -> i128 {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(integer) => integer.base10_parse().expect("an integer"),
            other => panic!("{} is no integer", spelled(other)),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => -evaluate(&unary.expr),
        Expr::Cast(cast) => match spelled(&cast.ty).as_str() {
            "i32" | "NTSTATUS" => i128::from(evaluate(&cast.expr) as u32 as i32),
            other => panic!("no rule for a cast to {other}"),
        },
        Expr::Binary(binary) if matches!(binary.op, BinOp::BitOr(_)) => {
            evaluate(&binary.left) | evaluate(&binary.right)
        }
        other => panic!("no rule for {}", spelled(other)),
    }
}

fn constants(file: &str) -> Vec<ItemConst> {
    items(file)
        .into_iter()
        .filter_map(|item| match item {
            Item::Const(item) => Some(item),
            _ => None,
        })
        .collect()
}

/// Whether a declared value is the value of the facts; statuses are unsigned there.
fn same_value(declared: i128, fact: i128) -> bool {
    declared == fact || (declared < 0 && declared + (1 << 32) == fact)
}

#[test]
fn constants_have_the_values_and_types_of_the_facts() {
    let facts = facts();
    for constant in constants("declarations/constants.rs") {
        let name = constant.ident.to_string();
        if name == STATUS_BEYOND_THE_FACTS.0 {
            assert!(same_value(
                evaluate(&constant.expr),
                STATUS_BEYOND_THE_FACTS.1
            ));
            continue;
        }
        let fact = ["constants", "pool_flags", "status"]
            .iter()
            .find_map(|prefix| facts.find_in_sections(prefix, &name))
            .unwrap_or_else(|| panic!("no facts of {name}"));
        let expected = integer(&fact["value"]);
        assert!(
            same_value(evaluate(&constant.expr), expected),
            "value of {name}"
        );
        let rust = fact
            .get("rust")
            .and_then(Value::as_str)
            .unwrap_or("NTSTATUS");
        let declared = spelled(&constant.ty);
        assert!(
            rust.starts_with(&declared),
            "type of {name}: {declared}, facts say {rust}"
        );
    }
}

#[test]
fn status_and_bug_check_codes_that_bindgen_lacks_have_the_values_of_the_facts() {
    let facts = facts();
    for constant in constants("status.rs") {
        let name = constant.ident.to_string();
        let fact = facts
            .find("status_codes", &name)
            .or_else(|| facts.find("bug_checks", &name))
            .unwrap_or_else(|| panic!("no facts of {name}"));
        let expected = integer(&fact["value"]);
        assert!(
            same_value(evaluate(&constant.expr), expected),
            "value of {name}"
        );
        assert_eq!(fact["in_wdk_sys"], false, "{name} would clash with wdk-sys");
    }
}

#[test]
fn enumerations_have_exactly_the_members_of_the_facts() {
    let facts = facts();
    for item in items("declarations/enums.rs") {
        let Item::Mod(module) = item else { continue };
        let tag = module.ident.to_string();
        if tag == "_WDFFUNCENUM" {
            continue;
        }
        let name = tag.trim_start_matches('_');
        let fact = facts
            .find("enums", name)
            .unwrap_or_else(|| panic!("no facts of {name}"));
        let mut expected = fact["values"]
            .as_object()
            .expect("values is an object")
            .clone();
        for item in module.content.expect("an inline module").1 {
            let Item::Const(constant) = item else {
                continue;
            };
            let member = constant.ident.to_string();
            let value = expected
                .remove(&member)
                .unwrap_or_else(|| panic!("{name} has no {member}"));
            assert!(
                same_value(evaluate(&constant.expr), integer(&value)),
                "{name}::{member}"
            );
        }
        assert!(expected.is_empty(), "{name} lacks {:?}", expected.keys());
    }
}

#[test]
fn table_indices_are_those_of_the_facts() {
    let table = facts().function_table();
    let module = items("declarations/enums.rs")
        .into_iter()
        .find_map(|item| match item {
            Item::Mod(module) if module.ident == "_WDFFUNCENUM" => module.content,
            _ => None,
        })
        .expect("the enumeration of the table")
        .1;
    let declared: Vec<_> = module
        .into_iter()
        .filter_map(|item| match item {
            Item::Const(constant) => Some((constant.ident.to_string(), evaluate(&constant.expr))),
            _ => None,
        })
        .collect();
    let mut expected: Vec<_> = table
        .iter()
        .enumerate()
        .map(|(index, name)| (format!("{name}TableIndex"), index as i128))
        .collect();
    expected.push(("WdfFunctionTableNumEntries".to_owned(), table.len() as i128));
    assert_eq!(declared, expected);
}

/// Types of a signature's parameters and its result, as Rust spells them here.
fn declared_signature(signature: &Signature) -> (Vec<String>, String) {
    let parameters = signature
        .inputs
        .iter()
        .map(|input| match input {
            FnArg::Typed(typed) => spelled(&typed.ty),
            FnArg::Receiver(_) => panic!("a C function has no receiver"),
        })
        .collect();
    (parameters, spelled_result(&signature.output))
}

fn spelled_result(result: &ReturnType) -> String {
    match result {
        ReturnType::Default => "()".to_owned(),
        ReturnType::Type(_, result) => spelled(result),
    }
}

/// The same of the facts, with bindgen's C scalars replaced by what they are on Windows.
fn expected_signature(fact: &Value) -> (Vec<String>, String) {
    let parameters = fact["params"]
        .as_array()
        .expect("params is a list")
        .iter()
        .map(expected_type)
        .collect();
    (parameters, expected_type(&fact["return"]))
}

fn expected_type(fact: &Value) -> String {
    let rust = fact["rust"].as_str().or(fact["c"].as_str()).unwrap_or("()");
    let rust = match rust {
        "void" => "()",
        rust => rust,
    };
    spelled_fact(rust)
}

#[test]
fn kernel_functions_have_the_signatures_of_the_facts() {
    let facts = facts();
    let functions = items("declarations/ntddk.rs")
        .into_iter()
        .filter_map(|item| match item {
            Item::ForeignMod(block) => Some(block.items),
            _ => None,
        });
    let mut checked = 0;
    for item in functions.flatten() {
        let ForeignItem::Fn(function) = item else {
            continue;
        };
        let name = function.sig.ident.to_string();
        if FUNCTIONS_BEYOND_THE_FACTS.contains(&name.as_str()) {
            continue;
        }
        let fact = facts
            .find("functions", &name)
            .unwrap_or_else(|| panic!("no facts of {name}"));
        assert!(
            fact["x64"]
                .as_str()
                .is_some_and(|x64| x64.starts_with("export")),
            "{name}"
        );
        if function.sig.variadic.is_none() {
            assert_eq!(
                declared_signature(&function.sig),
                expected_signature(fact),
                "{name}"
            );
        }
        checked += 1;
    }
    assert!(checked > 60, "only {checked} functions were found");
}

/// One line of the table in functions.rs.
struct Entry {
    signature: Signature,
    pointer: Ident,
    index: Ident,
}

impl Parse for Entry {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let signature = input.parse()?;
        input.parse::<Token![,]>()?;
        let pointer = input.parse()?;
        let at: Ident = input.parse()?;
        assert_eq!(at, "at");
        let index = input.parse()?;
        Ok(Self {
            signature,
            pointer,
            index,
        })
    }
}

fn entries() -> Vec<Entry> {
    let table = items("functions.rs")
        .into_iter()
        .find_map(|item| match item {
            Item::Macro(item) if item.mac.path.is_ident("wdf_functions") => Some(item.mac.tokens),
            _ => None,
        })
        .expect("the table");
    let parser = syn::punctuated::Punctuated::<Entry, Token![;]>::parse_terminated;
    parser
        .parse2(table)
        .expect("a list of entries")
        .into_iter()
        .collect()
}

#[test]
fn framework_functions_have_the_signatures_of_the_facts() {
    let facts = facts();
    for Entry {
        signature,
        pointer,
        index,
    } in entries()
    {
        let name = signature.ident.to_string();
        assert_eq!(index.to_string(), format!("{name}TableIndex"));
        assert_eq!(pointer.to_string(), format!("PFN_{}", name.to_uppercase()));
        // WdfObjectCreate has an index in the facts and its signature in the documentation.
        let Some(fact) = facts.find("functions", &name) else {
            assert_eq!(name, "WdfObjectCreate");
            continue;
        };
        assert_eq!(fact["pfn"], pointer.to_string().as_str());
        let (mut parameters, result) = declared_signature(&signature);
        for parameter in parameters.iter_mut().filter(|type_| *type_ == "FileName") {
            // The alias that bridges two versions of the headers is the facts' type here.
            *parameter = "PCCH".to_owned();
        }
        assert_eq!((parameters, result), expected_signature(fact), "{name}");
    }
}

#[test]
fn file_names_have_the_type_of_the_facts_without_a_wdk() {
    let without_wdk = items("functions.rs")
        .into_iter()
        .find_map(|item| match item {
            Item::Type(item) if item.ident == "FileName" => {
                let condition = item
                    .attrs
                    .iter()
                    .find(|attribute| attribute.path().is_ident("cfg"));
                (spelled(condition?) == "#[cfg(not(wdk))]").then(|| spelled(&item.ty))
            }
            _ => None,
        });
    assert_eq!(without_wdk.as_deref(), Some("PCCH"));
}

/// The function type inside `Option<unsafe extern "C" fn(...)>`.
fn function_pointer(type_: &Type) -> Option<&syn::TypeBareFn> {
    let Type::Path(path) = type_ else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(Type::BareFn(function)) => Some(function),
        _ => None,
    }
}

#[test]
fn callbacks_have_the_signatures_of_the_facts() {
    let facts: Facts = facts();
    for item in items("declarations/callbacks.rs") {
        let Item::Type(item) = item else { continue };
        let name = item.ident.to_string();
        let fact = facts
            .find("callbacks", &name)
            .unwrap_or_else(|| panic!("no facts of {name}"));
        let function = function_pointer(&item.ty)
            .unwrap_or_else(|| panic!("{name} is no optional function pointer"));
        let parameters = function
            .inputs
            .iter()
            .map(|input| spelled(&input.ty))
            .collect();
        let declared = (parameters, spelled_result(&function.output));
        assert_eq!(declared, expected_signature(fact), "{name}");
    }
}

#[test]
fn scalars_and_handles_have_the_sizes_of_the_facts() {
    let facts = facts();
    macro_rules! check {
        ($($name:ident)*) => {$(
            let fact = facts.find("scalars", stringify!($name)).expect("a scalar of the facts");
            assert_eq!(size_of::<kmdf_sys::$name>() as i128, integer(&fact["size"]));
            assert_eq!(align_of::<kmdf_sys::$name>() as i128, integer(&fact["align"]));
        )*};
    }
    check! {
        KSPIN_LOCK KIRQL KPROCESSOR_MODE KAFFINITY KPRIORITY NTSTATUS BOOLEAN CHAR UCHAR CCHAR
        USHORT CSHORT WCHAR LONG ULONG LONGLONG ULONGLONG ULONG64 ULONG_PTR SIZE_T PVOID HANDLE
        PHANDLE ACCESS_MASK POOL_FLAGS PCUNICODE_STRING PUNICODE_STRING PDRIVER_OBJECT
        PDEVICE_OBJECT PIRP PMDL PKSPIN_LOCK PSLIST_ENTRY PSLIST_HEADER PPAGED_LOOKASIDE_LIST
        PNPAGED_LOOKASIDE_LIST PALLOCATE_FUNCTION PFREE_FUNCTION PDRIVER_INITIALIZE
        PDRIVER_DISPATCH PDRIVER_UNLOAD PDRIVER_CANCEL PIO_COMPLETION_ROUTINE PKDEFERRED_ROUTINE
    }
}
