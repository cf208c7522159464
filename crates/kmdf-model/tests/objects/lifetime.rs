//! Parents, references and deletion at PASSIVE_LEVEL.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::NonPagedPoolNx;
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// An object that a callback is to work on.
static OTHER: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(null_mut());

fn other() -> WDFOBJECT {
    OTHER.load(Ordering::Relaxed)
}

/// A tree: 1 has the children 2 and 3, 2 has 4 and 5.
fn tree() -> [WDFOBJECT; 5] {
    let root = object(1, null_mut());
    let (second, third) = (object(2, root), object(3, root));
    [root, second, third, object(4, second), object(5, second)]
}

/// Deletion runs EvtCleanup for the whole tree, then EvtDestroy, children first (OBJ-52).
#[test]
fn all_cleanups_of_a_tree_precede_all_destroys_children_first() {
    for config in [plain(), verified()] {
        let log = run_and_log(config, |_| {
            let [root, ..] = tree();
            delete(root);
            log("deleted".into());
        });
        let expected = [
            "cleanup 4",
            "cleanup 5",
            "cleanup 2",
            "cleanup 3",
            "cleanup 1",
            "destroy 4",
            "destroy 5",
            "destroy 2",
            "destroy 3",
            "destroy 1",
            "deleted",
            "unload",
        ];
        assert_eq!(log.unwrap(), expected);
    }
}

/// The default parent is the driver, whose children are deleted in the order of creation, after
/// EvtDriverUnload (OBJ-32, OBJ-35, MEM-29, DEV-23).
#[test]
fn objects_without_a_parent_go_with_the_driver_in_order_of_creation() {
    let log = run_and_log(plain(), |_| {
        object(1, null_mut());
        memory(2, null_mut(), NonPagedPoolNx, 16);
        object(3, driver().cast());
    });
    let expected = [
        "unload",
        "cleanup 1",
        "cleanup 2",
        "cleanup 3",
        "destroy 1",
        "destroy 2",
        "destroy 3",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// A child that was deleted is not deleted again with its parent (OBJ-56).
#[test]
fn deleted_child_leaves_its_parent_at_once() {
    let log = run_and_log(plain(), |_| {
        let [root, second, ..] = tree();
        delete(second);
        log("deleted".into());
        delete(root);
    });
    let expected = [
        "cleanup 4",
        "cleanup 5",
        "cleanup 2",
        "destroy 4",
        "destroy 5",
        "destroy 2",
        "deleted",
        "cleanup 3",
        "cleanup 1",
        "destroy 3",
        "destroy 1",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// A reference keeps the memory of an object, whose EvtCleanup runs at the deletion (OBJ-45,
/// OBJ-46).
#[test]
fn reference_delays_destruction_but_not_cleanup() {
    let log = run_and_log(plain(), |_| {
        let memory = memory(1, null_mut(), NonPagedPoolNx, 16);
        let (buffer, _) = buffer_of(memory);
        fill(buffer, 16, 9);
        reference(memory.cast());
        delete(memory.cast());
        log("deleted".into());
        assert_eq!(bytes(buffer_of(memory).0, 16), [9; 16]);
        assert!(!context_of(memory.cast(), &LABEL).is_null());
        dereference(memory.cast());
    });
    let expected = ["cleanup 1", "deleted", "destroy 1", "unload"];
    assert_eq!(log.unwrap(), expected);
}

/// A referenced child is destroyed after its parent (OBJ-53).
#[test]
fn referenced_child_outlives_its_parent() {
    let log = run_and_log(plain(), |_| {
        let root = object(1, null_mut());
        let child = object(2, root);
        reference(child);
        delete(root);
        log("deleted".into());
        dereference(child);
    });
    let expected = [
        "cleanup 2",
        "cleanup 1",
        "destroy 1",
        "deleted",
        "destroy 2",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// A reference on the parent keeps its children no longer than the parent's deletion (OBJ-53).
#[test]
fn referenced_parent_loses_its_children_all_the_same() {
    let log = run_and_log(plain(), |_| {
        let root = object(1, null_mut());
        object(2, root);
        reference(root);
        delete(root);
        log("deleted".into());
        dereference(root);
    });
    let expected = [
        "cleanup 2",
        "cleanup 1",
        "destroy 2",
        "deleted",
        "destroy 1",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// A driver must not drop the reference that deletion drops (OBJ-47, OBJ-54).
#[test]
fn dropping_the_last_reference_of_an_undeleted_object_stops_the_run() {
    for config in [plain(), verified()] {
        let (stop, log) = stop_and_log(config, |_| {
            let object = object(1, null_mut());
            log(format!("{}", object.addr()));
            dereference(object);
        });
        assert_eq!(log[1..], ["cleanup 1", "destroy 1"]);
        let handle: u64 = log[0].parse().unwrap();
        assert_violation(&stop, 7, handle);
        assert_eq!(stop.parameters[2], handle ^ !7);
    }
}

/// Windows corrupts memory here; the stop is the model's own (OBJ-45).
#[test]
#[cfg_attr(
    other_framework,
    ignore = "undefined on Windows; the model stops the run"
)]
fn dereferencing_in_evt_destroy_stops_the_run() {
    unsafe extern "C" fn dereference_again(object: WDFOBJECT) {
        dereference(object);
    }
    let stop = stop_of(plain(), |_| {
        let mut attributes = attributes();
        attributes.EvtDestroyCallback = Some(dereference_again);
        delete(create_object(&mut attributes).unwrap());
    });
    assert_model_stop(&stop, "dereferenced more often");
}

/// WdfObjectDelete has no effect on objects that belong to the framework (OBJ-50, OBJ-51).
#[test]
fn deleting_what_the_driver_must_not_delete_does_nothing() {
    for config in [plain(), verified()] {
        let log = run_and_log(config, |kernel| {
            object(1, null_mut());
            delete(driver().cast());
            model_only(|| assert!(printed(kernel, "STATUS_CANNOT_DELETE")));
            log("still there".into());
        });
        assert_eq!(log.unwrap()[..2], ["still there", "unload"]);
    }
}

/// With the verifier, WdfObjectDelete of the driver object breaks into the debugger (OBJ-50,
/// VER-5).
#[test]
fn deleting_the_driver_breaks_under_the_verifier() {
    let stop = stop_of(nt_model::Config::default(), |_| delete(driver().cast()));
    assert_eq!(stop.code, KMODE_EXCEPTION_NOT_HANDLED, "{stop}");
}

/// No callback of the child whose creation failed runs, and nothing is left of it (OBJ-33, OBJ-61,
/// FLT-27).
#[test]
fn child_of_a_parent_being_disposed_is_refused() {
    unsafe extern "C" fn create_below(parent: WDFOBJECT) {
        let status = create_object(&mut logged(parent)).err();
        assert_eq!(status, Some(STATUS_DELETE_PENDING));
        let memory = create_memory(&mut logged(parent), NonPagedPoolNx, 0, 16);
        assert_eq!(memory.err(), Some(STATUS_DELETE_PENDING));
        let memory = create_memory(&mut logged(parent), NonPagedPoolNx, 0, 5000);
        assert_eq!(memory.err(), Some(STATUS_DELETE_PENDING));
        log("refused".into());
    }
    let log = run_and_log(plain(), |kernel| {
        let before = kernel.verifier().live_blocks;
        let mut attributes = attributes();
        attributes.EvtCleanupCallback = Some(create_below);
        delete(create_object(&mut attributes).unwrap());
        assert_eq!(kernel.verifier().live_blocks, before);
    });
    assert_eq!(log.unwrap(), ["refused", "unload"]);
}

/// WdfObjectDelete in a callback of the parent's deletion changes nothing (OBJ-56).
#[test]
fn child_deleted_while_its_parent_is_disposed_goes_with_the_parent() {
    unsafe extern "C" fn delete_other(object: WDFOBJECT) {
        // SAFETY: The callback for logging takes any labelled object.
        unsafe { on_cleanup(object) };
        delete(other());
        log("recorded".into());
    }
    let log = run_and_log(plain(), |_| {
        let root = object(1, null_mut());
        let mut attributes = logged(root);
        attributes.EvtCleanupCallback = Some(delete_other);
        let first = create_object(&mut attributes).unwrap();
        label(first, 2);
        OTHER.store(object(3, root), Ordering::Relaxed);
        delete(root);
    });
    let expected = [
        "cleanup 2",
        "recorded",
        "cleanup 3",
        "cleanup 1",
        "destroy 2",
        "destroy 3",
        "destroy 1",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// A second WdfObjectDelete changes nothing (OBJ-56).
#[test]
fn second_deletion_while_disposing_is_dropped() {
    unsafe extern "C" fn delete_again(object: WDFOBJECT) {
        delete(object);
        log("again".into());
    }
    let log = run_and_log(plain(), |_| {
        let mut attributes = attributes();
        attributes.EvtCleanupCallback = Some(delete_again);
        let object = create_object(&mut attributes).unwrap();
        reference(object);
        delete(object);
        delete(object);
        dereference(object);
    });
    assert_eq!(log.unwrap(), ["again", "unload"]);
}

/// Objects may be created and deleted from callbacks of others (OBJ-52, OBJ-56).
#[test]
fn callbacks_may_create_and_delete_other_objects() {
    unsafe extern "C" fn replace(_: WDFOBJECT) {
        delete(other());
        OTHER.store(object(9, null_mut()), Ordering::Relaxed);
    }
    let log = run_and_log(plain(), |_| {
        OTHER.store(object(2, null_mut()), Ordering::Relaxed);
        let mut attributes = attributes();
        attributes.EvtCleanupCallback = Some(replace);
        delete(create_object(&mut attributes).unwrap());
    });
    let expected = ["cleanup 2", "destroy 2", "unload", "cleanup 9", "destroy 9"];
    assert_eq!(log.unwrap(), expected);
}

/// Deletion of a deep chain of objects does not overflow the stack (OBJ-52).
#[test]
fn deep_trees_are_deleted() {
    let log = run_and_log(plain(), |_| {
        let root = object(0, null_mut());
        (1..100).fold(root, |parent, number| object(number, parent));
        delete(root);
    });
    let log = log.unwrap();
    assert_eq!(log.len(), 201);
    assert_eq!(log[0], "cleanup 99");
    assert_eq!(log[199], "destroy 0");
}

/// Several threads at once build and delete trees below one parent.
#[test]
fn trees_are_built_and_deleted_by_several_threads() {
    run(plain(), |kernel| {
        let parent = object(1, null_mut()).addr();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let parent = std::ptr::without_provenance_mut(parent);
                        let child = create_object(&mut under(parent)).unwrap();
                        create_object(&mut under(child)).unwrap();
                        reference(child);
                        delete(child);
                        dereference(child);
                    }
                });
            }
        });
        let before = kernel.verifier().live_blocks;
        delete(std::ptr::without_provenance_mut(parent));
        assert_eq!(kernel.verifier().live_blocks, before - 1);
    })
    .unwrap();
}
