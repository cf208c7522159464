//! What the generated bindings have, and above all what they have not.

use crate::bindings::{Bindings, generate};
use crate::facts::Facts;
use crate::route;

fn bindings(minor: u8) -> Bindings {
    let facts = Facts::read(&route::root()).expect("the facts are in the repository");
    generate(&facts, minor).expect("the facts are whole")
}

#[test]
fn pointers_to_names_are_constant_from_the_types_of_1_33_on() {
    let (old, new) = (bindings(15).types, bindings(33).types);
    let context_name = |types: &str| {
        let start = types
            .find("pub struct _WDF_OBJECT_CONTEXT_TYPE_INFO {")
            .expect("the structure is there");
        let line = types[start..].lines().nth(2).expect("its second member");
        line.trim().to_owned()
    };
    assert_eq!(context_name(&old), "pub ContextName: PCHAR,");
    assert_eq!(context_name(&new), "pub ContextName: LPCSTR,");
    let reference = "pub type PFN_WDFOBJECTREFERENCEACTUAL";
    let line = |types: &str| {
        let line = types.lines().find(|line| line.starts_with(reference));
        line.expect("the function is there").to_owned()
    };
    assert!(line(&old).contains("File: PCHAR"), "{}", line(&old));
    assert!(line(&new).contains("File: PCCH"), "{}", line(&new));
    for (types, name, type_) in [(&old, "PCHAR", "*mut CHAR"), (&new, "PCCH", "*const CHAR")] {
        let alias = format!("pub type {name} = {type_};");
        assert!(types.contains(&alias), "{alias}");
    }
}

#[test]
fn what_bindgen_is_told_to_leave_out_is_not_there() {
    for minor in [15, 33] {
        let Bindings { functions, .. } = bindings(minor);
        for blocked in [
            "ExAllocatePool",
            "ExAllocatePoolWithTag",
            "ExAllocatePoolWithQuotaTag",
            "ExAllocatePoolWithTagPriority",
        ] {
            assert!(!functions.contains(&format!("fn {blocked}(")), "{blocked}");
        }
        assert!(functions.contains("fn ExAllocatePool2("));
        assert!(functions.contains("fn ExFreePoolWithTag("));
    }
}

#[test]
fn macros_with_casts_and_inline_functions_have_no_binding() {
    let Bindings {
        constants,
        functions,
        types,
        ..
    } = bindings(33);
    for absent in [
        "STATUS_WDF_BUSY",
        "IRQL_NOT_LESS_OR_EQUAL",
        "WDF_TIMEOUT_TO_MS",
        "LOOKASIDE_MINIMUM_BLOCK_SIZE",
        "WDF_OBJECT_ATTRIBUTES_INIT",
        "IoCompleteRequest",
        "WDF_BIND_INFO",
    ] {
        for text in [&constants, &functions, &types] {
            assert!(!text.contains(&format!(" {absent}")), "{absent}");
        }
    }
    assert!(constants.contains("pub const DISPATCH_LEVEL: u32 = 2;"));
}

#[test]
fn the_function_table_has_the_entries_and_the_name_of_its_version() {
    for (minor, entries) in [(15, 444), (33, 458)] {
        let Bindings {
            types, constants, ..
        } = bindings(minor);
        let count = format!("WdfFunctionTableNumEntries: Type = {entries};");
        assert!(types.contains(&count), "{count}");
        assert!(constants.contains(&format!("WdfFunctions_010{minor}")));
        // Only frameworks from 1.25 on tell the driver how many entries they have.
        assert_eq!(constants.contains("WdfFunctionCount"), minor >= 25);
    }
}

#[test]
fn every_layout_of_the_structures_that_the_driver_makes_is_asserted() {
    let Bindings {
        types, left_out, ..
    } = bindings(15);
    for tag in [
        "_WDF_OBJECT_ATTRIBUTES",
        "_WDF_DRIVER_CONFIG",
        "_WDF_IO_QUEUE_CONFIG",
        "_WDF_FILEOBJECT_CONFIG",
        "_WDF_REQUEST_PARAMETERS",
        "_PAGED_LOOKASIDE_LIST",
        "_UNICODE_STRING",
    ] {
        let size = format!("size_of::<{tag}>() ==");
        assert!(types.contains(&size), "{tag} is not checked");
        assert!(!left_out.iter().any(|name| name.ends_with(tag)), "{tag}");
    }
}
