//! Objects that are deleted above PASSIVE_LEVEL, at once or deferred.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::{NonPagedPoolNx, PagedPool};
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

const DISPATCH: u8 = DISPATCH_LEVEL as u8;
const APC: u8 = APC_LEVEL as u8;

fn irql() -> KIRQL {
    // SAFETY: KeGetCurrentIrql can be called at any time.
    unsafe { kmdf_sys::ntddk::KeGetCurrentIrql() }
}

/// Attributes whose callbacks log the IRQL.
fn leveled(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    unsafe extern "C" fn cleanup(_: WDFOBJECT) {
        log(format!("cleanup at {}", irql()));
    }
    unsafe extern "C" fn destroy(_: WDFOBJECT) {
        log(format!("destroy at {}", irql()));
    }
    WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(cleanup),
        EvtDestroyCallback: Some(destroy),
        ..under(parent)
    }
}

/// A labelled object whose EvtCleanup logs the IRQL too.
fn noting_object(number: u64, parent: WDFOBJECT, level: WDF_EXECUTION_LEVEL) -> WDFOBJECT {
    unsafe extern "C" fn cleanup(object: WDFOBJECT) {
        log(format!("at {}:", irql()));
        // SAFETY: A labelled object.
        unsafe { on_cleanup(object) };
    }
    let mut attributes = logged(parent);
    attributes.EvtCleanupCallback = Some(cleanup);
    attributes.ExecutionLevel = level;
    let object = create_object(&mut attributes).unwrap();
    label(object, number);
    object
}

/// A labelled object whose callbacks run at PASSIVE_LEVEL only.
fn passive_object(number: u64, parent: WDFOBJECT) -> WDFOBJECT {
    let mut attributes = logged(parent);
    attributes.ExecutionLevel = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
    let object = create_object(&mut attributes).unwrap();
    label(object, number);
    object
}

/// Without PASSIVE_LEVEL constraints, callbacks run in the call and at its IRQL (OBJ-59).
#[test]
fn ordinary_objects_are_deleted_at_the_callers_level() {
    let log = run_and_log(plain(), |kernel| {
        let object = create_object(&mut leveled(null_mut())).unwrap();
        kernel.at_irql(DISPATCH, || delete(object));
        log("deleted".into());
    });
    let expected = ["cleanup at 2", "destroy at 2", "deleted", "unload"];
    assert_eq!(log.unwrap(), expected);
}

/// APC_LEVEL counts as above (OBJ-57, OBJ-58).
#[test]
fn passive_objects_are_deleted_by_a_work_item() {
    for level in [APC, DISPATCH] {
        let log = run_and_log(plain(), move |kernel| {
            let mut attributes = leveled(null_mut());
            attributes.ExecutionLevel = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
            let object = create_object(&mut attributes).unwrap();
            kernel.at_irql(level, || delete(object));
            wait_for_log("destroy at 0");
        });
        assert_eq!(log.unwrap(), ["cleanup at 0", "destroy at 0", "unload"]);
    }
}

/// At PASSIVE_LEVEL nothing is deferred (OBJ-58).
#[test]
fn passive_objects_are_deleted_at_once_at_passive_level() {
    let log = run_and_log(plain(), |_| {
        delete(passive_object(1, null_mut()));
        log("deleted".into());
    });
    assert_eq!(
        log.unwrap(),
        ["cleanup 1", "destroy 1", "deleted", "unload"]
    );
}

const ANY_LEVEL: WDF_EXECUTION_LEVEL = _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent;
const PASSIVE: WDF_EXECUTION_LEVEL = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;

/// Above PASSIVE_LEVEL a direct child that needs it defers the disposal of its parent (OBJ-58).
#[test]
fn passive_child_defers_the_whole_tree() {
    let log = run_and_log(plain(), |kernel| {
        let root = noting_object(1, null_mut(), ANY_LEVEL);
        noting_object(2, root, ANY_LEVEL);
        noting_object(3, root, PASSIVE);
        kernel.at_irql(DISPATCH, || delete(root));
        wait_for_log("destroy 1");
    });
    let expected = [
        "at 0:",
        "cleanup 2",
        "at 0:",
        "cleanup 3",
        "at 0:",
        "cleanup 1",
        "destroy 2",
        "destroy 3",
        "destroy 1",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// A deeper object that needs PASSIVE_LEVEL defers the rest of the disposal (OBJ-58).
#[test]
fn passive_grandchild_defers_what_comes_after_its_branch() {
    let log = run_and_log(plain(), |kernel| {
        let root = noting_object(1, null_mut(), ANY_LEVEL);
        noting_object(2, root, ANY_LEVEL);
        let branch = noting_object(3, root, ANY_LEVEL);
        noting_object(4, branch, PASSIVE);
        noting_object(5, root, ANY_LEVEL);
        kernel.at_irql(DISPATCH, || delete(root));
        wait_for_log("destroy 1");
    });
    let expected = [
        "at 2:",
        "cleanup 2",
        "at 0:",
        "cleanup 4",
        "at 0:",
        "cleanup 3",
        "at 0:",
        "cleanup 5",
        "at 0:",
        "cleanup 1",
        "destroy 2",
        "destroy 4",
        "destroy 3",
        "destroy 5",
        "destroy 1",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// The object has left its parent although nothing of it is disposed (OBJ-58).
#[test]
fn deferred_object_is_out_of_its_parents_tree() {
    static HELD: AtomicBool = AtomicBool::new(true);
    unsafe extern "C" fn hold(_: WDFOBJECT) {
        wait_until(|| !HELD.load(Ordering::Relaxed));
        log("cleanup held".into());
    }
    let log = run_and_log(plain(), |kernel| {
        HELD.store(true, Ordering::Relaxed);
        let root = object(1, null_mut());
        let mut attributes = under(root);
        attributes.EvtCleanupCallback = Some(hold);
        attributes.ExecutionLevel = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
        let child = create_object(&mut attributes).unwrap();
        reference(child);
        kernel.at_irql(DISPATCH, || delete(child));
        delete(root);
        HELD.store(false, Ordering::Relaxed);
        wait_for_log("cleanup held");
        dereference(child);
    });
    assert_eq!(log.unwrap()[..2], ["cleanup 1", "destroy 1"]);
}

/// EvtDestroy of an object that needs PASSIVE_LEVEL runs in a work item (OBJ-59).
#[test]
fn last_dereference_of_a_passive_object_is_deferred() {
    let log = run_and_log(plain(), |kernel| {
        let mut attributes = leveled(null_mut());
        attributes.ExecutionLevel = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
        let object = create_object(&mut attributes).unwrap();
        reference(object);
        delete(object);
        kernel.at_irql(DISPATCH, || dereference(object));
        wait_for_log("destroy at 0");
    });
    assert_eq!(log.unwrap(), ["cleanup at 0", "destroy at 0", "unload"]);
}

/// An object that needs PASSIVE_LEVEL is destroyed in a work item, and so is its bug check (OBJ-47,
/// OBJ-59).
#[test]
fn undeleted_passive_object_stops_the_run_from_the_work_item() {
    let (stop, log) = stop_and_log(plain(), |kernel| {
        let object = passive_object(1, null_mut());
        kernel.at_irql(DISPATCH, || dereference(object));
        wait_until(|| false);
    });
    assert_eq!(log, ["cleanup 1", "destroy 1"]);
    assert_violation(&stop, 7, stop.parameters[1]);
}

/// Deferred objects are processed first in, first out (OBJ-60).
#[test]
fn dispose_list_is_processed_in_order() {
    let log = run_and_log(plain(), |kernel| {
        let objects: Vec<_> = (0..20).map(|n| passive_object(n, null_mut())).collect();
        kernel.at_irql(DISPATCH, || objects.into_iter().for_each(delete));
        wait_for_log("destroy 19");
    });
    let expected = (0..20).flat_map(|n| [format!("cleanup {n}"), format!("destroy {n}")]);
    let expected: Vec<_> = expected.chain(["unload".into()]).collect();
    assert_eq!(log.unwrap(), expected);
}

/// The driver's own disposal waits until the list is empty (OBJ-60, DEV-23).
#[test]
fn unload_waits_for_the_dispose_list() {
    unsafe extern "C" fn slow(_: WDFOBJECT) {
        std::thread::sleep(std::time::Duration::from_millis(50));
        log("slow cleanup".into());
    }
    let log = run_and_log(plain(), |kernel| {
        let mut attributes = attributes();
        attributes.EvtCleanupCallback = Some(slow);
        attributes.ExecutionLevel = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
        let object = create_object(&mut attributes).unwrap();
        kernel.at_irql(DISPATCH, || delete(object));
    });
    assert!(log.unwrap().contains(&"slow cleanup".to_string()));
}

/// Paged memory that is deleted above PASSIVE_LEVEL is freed later (MEM-27, OBJ-57).
#[test]
fn paged_memory_deleted_above_passive_level_goes_later() {
    for config in [plain(), verified()] {
        let log = run_and_log(config, |kernel| {
            let tag = u32::from_le_bytes(*b"Pagd");
            let mut attributes = leveled(null_mut());
            let (memory, _) = create_memory(&mut attributes, PagedPool, tag, 64).unwrap();
            kernel.at_irql(DISPATCH, || delete(memory.cast()));
            wait_for_log("destroy at 0");
            wait_until(|| live_blocks(kernel, tag) == 0);
        });
        assert_eq!(log.unwrap(), ["cleanup at 0", "destroy at 0", "unload"]);
    }
}

/// Nonpaged memory is freed in the call that deletes it (MEM-27).
#[test]
fn nonpaged_memory_is_deleted_at_dispatch_level() {
    for size in [16, 5000] {
        let log = run_and_log(plain(), move |kernel| {
            let mut attributes = leveled(null_mut());
            let (memory, _) = create_memory(&mut attributes, NonPagedPoolNx, 0, size).unwrap();
            kernel.at_irql(DISPATCH, || delete(memory.cast()));
            log("deleted".into());
        });
        let expected = ["cleanup at 2", "destroy at 2", "deleted", "unload"];
        assert_eq!(log.unwrap(), expected);
    }
}
