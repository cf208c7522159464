//! Object contexts: their memory, lookup and callbacks.

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::{null, null_mut};

static SECOND: ContextType = ContextType::new(c"SECOND", 40);
static THIRD: ContextType = ContextType::new(c"THIRD", 1);
static EMPTY: ContextType = ContextType::new(c"EMPTY", 0);
static BIG: ContextType = ContextType::new(c"BIG", 8);

unsafe extern "C" fn second_cleanup(_: WDFOBJECT) {
    log("second cleanup".into());
}

unsafe extern "C" fn second_destroy(_: WDFOBJECT) {
    log("second destroy".into());
}

fn of_type(context_type: &'static ContextType) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        ContextTypeInfo: context_type.as_ptr(),
        ..attributes()
    }
}

fn add(object: WDFOBJECT, attributes: &mut WDF_OBJECT_ATTRIBUTES) -> (NTSTATUS, PVOID) {
    let mut context = null_mut();
    let status = wdf!(WdfObjectAllocateContext(object, attributes, &mut context));
    (status, context)
}

/// Contexts begin on 16 bytes and contain zeros (OBJ-10, OBJ-12, OBJ-14, OBJ-44).
#[test]
fn contexts_are_aligned_zeroed_and_nonpaged() {
    for config in [plain(), verified()] {
        run(config, |_| {
            let object = create_object(&mut of_type(&SECOND)).unwrap();
            let (_, added) = add(object, &mut of_type(&THIRD));
            for (context, size) in [(context_of(object, &SECOND), 40), (added, 1)] {
                assert_eq!(context.addr() % 16, 0);
                assert_eq!(bytes(context.cast(), size), vec![0; size]);
            }
        })
        .unwrap();
    }
}

/// The context ends the allocation, but for rounding (OBJ-9).
#[test]
fn context_ends_where_its_block_ends() {
    let stop = stop_of(plain(), |_| {
        let object = create_object(&mut of_type(&SECOND)).unwrap();
        let context = context_of(object, &SECOND).cast::<u8>();
        fill(context, 49, 1);
        delete(object);
    });
    assert_ne!(stop.code, nt_model::MODEL_STOP, "{stop}");
}

/// ContextSizeOverride replaces the size of the context type (OBJ-13).
#[test]
fn size_override_is_the_size_of_the_context() {
    run(plain(), |_| {
        let mut attributes = of_type(&BIG);
        attributes.ContextSizeOverride = 3000;
        let object = create_object(&mut attributes).unwrap();
        let context = context_of(object, &BIG).cast::<u8>();
        assert_eq!(bytes(context, 3000), vec![0; 3000]);
        fill(context, 3000, 7);
        delete(object);
    })
    .unwrap();
}

/// Two type structures with the same contents are two types (OBJ-38).
#[test]
fn contexts_are_found_by_type_pointer_alone() {
    static SAME_NAME: ContextType = ContextType::new(c"SECOND", 40);
    run(plain(), |_| {
        let object = create_object(&mut of_type(&SECOND)).unwrap();
        let (status, third) = add(object, &mut of_type(&THIRD));
        assert_eq!(status, STATUS_SUCCESS);
        assert_eq!(context_of(object, &THIRD), third);
        assert!(!context_of(object, &SECOND).is_null());
        assert!(context_of(object, &SAME_NAME).is_null());
    })
    .unwrap();
}

/// WdfObjectGetTypedContextWorker requires a type (OBJ-40).
#[test]
fn lookup_without_a_type_stops_the_run() {
    let stop = stop_of(plain(), |_| {
        wdf!(WdfObjectGetTypedContextWorker(driver().cast(), null()))
    });
    assert_required_null(&stop);
}

/// WdfObjectContextGetObject is the inverse of getting the context (OBJ-41).
#[test]
fn context_leads_back_to_its_object() {
    run(plain(), |_| {
        let object = object(1, null_mut());
        let (_, added) = add(object, &mut of_type(&THIRD));
        for context in [context_of(object, &LABEL), added] {
            assert_eq!(wdf!(WdfObjectContextGetObject(context)), object);
        }
    })
    .unwrap();
}

/// WdfObjectAllocateContext requires attributes with a context type (OBJ-16, OBJ-42).
#[test]
fn additional_context_needs_attributes_and_a_type() {
    run(plain(), |_| {
        let object = object(1, null_mut());
        let status = wdf!(WdfObjectAllocateContext(object, null_mut(), null_mut()));
        assert_eq!(status, STATUS_WDF_PARENT_NOT_SPECIFIED);
        let (status, context) = add(object, &mut attributes());
        assert_eq!(status, STATUS_OBJECT_NAME_INVALID);
        assert!(context.is_null());
    })
    .unwrap();
}

/// WdfObjectAllocateContext reports an overflow as STATUS_INTEGER_OVERFLOW (OBJ-42, OBJ-15).
#[test]
fn size_overflow_shows_in_an_additional_context_only() {
    run(plain(), |_| {
        let object = object(1, null_mut());
        let mut attributes = of_type(&BIG);
        attributes.ContextSizeOverride = usize::MAX;
        assert_eq!(add(object, &mut attributes).0, STATUS_INTEGER_OVERFLOW);
        let created = create_object(&mut attributes);
        assert_eq!(created.err(), Some(STATUS_INSUFFICIENT_RESOURCES));
    })
    .unwrap();
}

/// An object has one context of each type (OBJ-43).
#[test]
fn second_context_of_a_type_yields_the_first() {
    let log = run_and_log(plain(), |kernel| {
        let object = object(1, null_mut());
        let first = context_of(object, &LABEL);
        let before = kernel.verifier().live_blocks;
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            EvtCleanupCallback: Some(second_cleanup),
            EvtDestroyCallback: Some(second_destroy),
            ..of_type(&LABEL)
        };
        let (status, context) = add(object, &mut attributes);
        assert_eq!(status, STATUS_OBJECT_NAME_EXISTS);
        assert_eq!(context, first);
        assert_eq!(kernel.verifier().live_blocks, before);
        let untouched = wdf!(WdfObjectAllocateContext(
            object,
            &mut attributes,
            null_mut()
        ));
        assert_eq!(untouched, STATUS_OBJECT_NAME_EXISTS);
        delete(object);
    });
    assert_eq!(log.unwrap(), ["cleanup 1", "destroy 1", "unload"]);
}

/// WdfObjectAllocateContext allocates before it finds an existing context (OBJ-43).
#[test]
fn no_memory_hides_that_the_type_is_there() {
    run(plain(), |kernel| {
        let object = object(1, null_mut());
        kernel.fail_nth_allocation(1);
        let status = add(object, &mut of_type(&LABEL)).0;
        assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
    })
    .unwrap();
}

/// The callbacks of the contexts run in the order in which these were added (OBJ-37, OBJ-52,
/// OBJ-54).
#[test]
fn callbacks_run_context_by_context_in_the_order_added() {
    let log = run_and_log(plain(), |_| {
        let object = object(1, null_mut());
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            EvtCleanupCallback: Some(second_cleanup),
            EvtDestroyCallback: Some(second_destroy),
            ..of_type(&SECOND)
        };
        add(object, &mut attributes);
        delete(object);
        log("deleted".into());
    });
    let expected = [
        "cleanup 1",
        "second cleanup",
        "destroy 1",
        "second destroy",
        "deleted",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// The callbacks in the attributes need no context type (OBJ-11).
#[test]
fn object_without_a_context_gets_callbacks() {
    let log = run_and_log(plain(), |_| {
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            EvtCleanupCallback: Some(second_cleanup),
            EvtDestroyCallback: Some(second_destroy),
            ..attributes()
        };
        delete(create_object(&mut attributes).unwrap());
    });
    assert_eq!(log.unwrap(), ["second cleanup", "second destroy", "unload"]);
}

/// A context of size 0 has an address (OBJ-29).
#[test]
fn empty_context_type_is_found() {
    run(plain(), |_| {
        let object = create_object(&mut of_type(&EMPTY)).unwrap();
        assert!(!context_of(object, &EMPTY).is_null());
    })
    .unwrap();
}

/// All contexts can be read in EvtDestroy (OBJ-39, OBJ-55).
#[test]
fn contexts_are_valid_until_all_destroy_callbacks_ran() {
    unsafe extern "C" fn read_both(object: WDFOBJECT) {
        let labels = [&LABEL, &SECOND].map(|kind| {
            let context = context_of(object, kind).cast::<u64>();
            // SAFETY: The object has both contexts.
            unsafe { *context }
        });
        log(format!("{labels:?}"));
    }
    let log = run_and_log(plain(), |_| {
        let mut first = logged(null_mut());
        first.EvtCleanupCallback = None;
        first.EvtDestroyCallback = Some(read_both);
        let object = create_object(&mut first).unwrap();
        label(object, 5);
        let mut second = of_type(&SECOND);
        second.EvtDestroyCallback = Some(read_both);
        let (_, context) = add(object, &mut second);
        fill(context.cast(), 1, 6);
        delete(object);
    });
    assert_eq!(log.unwrap(), ["[5, 6]", "[5, 6]", "unload"]);
}

unsafe extern "C" fn try_to_add(object: WDFOBJECT) {
    let (status, context) = add(object, &mut of_type(&SECOND));
    assert!(context.is_null());
    log(format!("{status:#x}"));
}

/// WdfObjectAllocateContext fails once the deletion of the object has begun (OBJ-42, OBJ-61).
#[test]
fn no_context_is_added_while_the_object_is_disposed() {
    let log = run_and_log(plain(), |_| {
        let mut attributes = attributes();
        attributes.EvtCleanupCallback = Some(try_to_add);
        delete(create_object(&mut attributes).unwrap());
    });
    let pending = format!("{STATUS_DELETE_PENDING:#x}");
    assert_eq!(log.unwrap(), [pending, "unload".into()]);
}

/// WdfObjectAllocateContext in EvtDestroy drops the last reference again, without end: on Windows
/// the stack overflows, which is a double fault (OBJ-78).
#[test]
fn adding_a_context_while_the_object_is_destroyed_never_ends() {
    for config in [plain(), verified()] {
        let stop = stop_of(config, |_| {
            let mut attributes = attributes();
            attributes.EvtDestroyCallback = Some(try_to_add);
            delete(create_object(&mut attributes).unwrap());
        });
        assert_stop(&stop, 0x7F, &[8]);
        assert_stop_text(&stop, "calls EvtDestroy again");
    }
}

/// Arguments that are rejected before the reference is taken do no harm (OBJ-78).
#[test]
fn attributes_are_refused_while_the_object_is_destroyed() {
    unsafe extern "C" fn add_nothing(object: WDFOBJECT) {
        log(format!("{:#x}", add(object, &mut attributes()).0));
    }
    let log = run_and_log(plain(), |_| {
        let mut attributes = attributes();
        attributes.EvtDestroyCallback = Some(add_nothing);
        delete(create_object(&mut attributes).unwrap());
    });
    let refused = format!("{STATUS_OBJECT_NAME_INVALID:#x}");
    assert_eq!(log.unwrap(), [refused, "unload".into()]);
}
