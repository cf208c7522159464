//! Allocation failures: each call of the object half, failed at each of its allocations.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::{NonPagedPoolNx, PagedPool};
use kmdf_sys::*;
use nt_model::Config;
use std::ptr::null_mut;
use std::sync::Mutex;

static EXTRA: ContextType = ContextType::new(c"EXTRA", 24);

/// A call to sweep, under a parent object, to be made with logging attributes.
type Call = fn(parent: WDFOBJECT) -> Result<WDFOBJECT, NTSTATUS>;

fn list(parent: WDFOBJECT, size: usize, pool_type: POOL_TYPE) -> Result<WDFOBJECT, NTSTATUS> {
    let list = create_list(&mut logged(parent), size, pool_type, null_mut())?;
    Ok(list.cast())
}

fn pool_memory(
    parent: WDFOBJECT,
    size: usize,
    pool_type: POOL_TYPE,
) -> Result<WDFOBJECT, NTSTATUS> {
    let (memory, _) = create_memory(&mut logged(parent), pool_type, 0, size)?;
    Ok(memory.cast())
}

fn preallocated(parent: WDFOBJECT) -> Result<WDFOBJECT, NTSTATUS> {
    static mut BUFFER: [u8; 16] = [0; 16];
    let (mut memory, buffer) = (null_mut(), &raw mut BUFFER);
    let attributes = &mut logged(parent);
    let status = wdf!(WdfMemoryCreatePreallocated(
        attributes,
        buffer.cast(),
        16,
        &mut memory
    ));
    outcome(status, memory.cast())
}

fn spin_lock(parent: WDFOBJECT) -> Result<WDFOBJECT, NTSTATUS> {
    let mut lock = null_mut();
    let status = wdf!(WdfSpinLockCreate(&mut logged(parent), &mut lock));
    outcome(status, lock.cast())
}

fn wait_lock(parent: WDFOBJECT) -> Result<WDFOBJECT, NTSTATUS> {
    let mut lock = null_mut();
    let status = wdf!(WdfWaitLockCreate(&mut logged(parent), &mut lock));
    outcome(status, lock.cast())
}

fn outcome(status: NTSTATUS, object: WDFOBJECT) -> Result<WDFOBJECT, NTSTATUS> {
    if status == STATUS_SUCCESS {
        Ok(object)
    } else {
        assert!(object.is_null());
        Err(status)
    }
}

/// Calls with the allocations that they make, verifier off and on.
///
/// With the verifier on, user objects have a lock record whose failure changes nothing.
const CALLS: [(&str, Call, usize, usize); 10] = [
    ("FLT-1", |parent| create_object(&mut logged(parent)), 1, 1),
    (
        "FLT-2",
        |parent| pool_memory(parent, 16, NonPagedPoolNx),
        1,
        2,
    ),
    (
        "FLT-3",
        |parent| pool_memory(parent, 5000, NonPagedPoolNx),
        2,
        2,
    ),
    ("FLT-3", |parent| pool_memory(parent, 16, PagedPool), 2, 2),
    ("FLT-4", preallocated, 1, 1),
    ("FLT-6", |parent| list(parent, 16, NonPagedPoolNx), 1, 1),
    ("FLT-6", |parent| list(parent, 16, PagedPool), 1, 1),
    ("FLT-6", |parent| list(parent, 5000, PagedPool), 1, 1),
    ("locks", spin_lock, 1, 1),
    ("locks", wait_lock, 1, 1),
];

/// Fails allocation after allocation of a call until it succeeds; how many made it fail.
fn sweep(config: Config, call: Call) -> usize {
    run(config, move |kernel| {
        let parent = object(1, null_mut());
        for failing in 1.. {
            let before = kernel.verifier();
            kernel.fail_nth_allocation(failing);
            let outcome = call(parent);
            kernel.fail_nth_allocation(0);
            let after = kernel.verifier();
            match outcome {
                Err(status) => {
                    assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
                    assert_eq!(after.tags, before.tags);
                    assert_eq!(after.live_lookaside_lists, before.live_lookaside_lists);
                    assert_eq!(after.faults_injected, before.faults_injected + 1);
                }
                Ok(created) => {
                    label(created, 2);
                    delete(parent);
                    return failing as usize - 1;
                }
            }
        }
        unreachable!()
    })
    .unwrap()
}

/// Every creating call frees everything when one of its allocations fails (FLT-1, FLT-2, FLT-3,
/// FLT-4, FLT-6, FLT-26, FLT-28, MEM-17, MEM-23, MEM-49).
#[test]
fn failed_creation_leaves_nothing_behind() {
    for (rule, call, plain_count, verified_count) in CALLS {
        assert_eq!(sweep(plain(), call), plain_count, "{rule}");
        assert_eq!(
            sweep(verified(), call),
            verified_count,
            "{rule}, verifier on"
        );
    }
}

/// The callbacks of the one that succeeded run, and no others (FLT-27, FLT-28).
#[test]
fn failed_creation_runs_no_callbacks_and_does_not_touch_the_parent() {
    for (rule, call, ..) in CALLS {
        let log = run_and_log(plain(), move |kernel| {
            let parent = object(1, null_mut());
            kernel.fail_nth_allocation(1);
            assert!(call(parent).is_err());
            label(call(parent).unwrap(), 2);
            delete(parent);
        });
        let expected = ["cleanup 2", "cleanup 1", "destroy 2", "destroy 1", "unload"];
        assert_eq!(log.unwrap(), expected, "{rule}");
    }
}

/// With the verifier on, the lock's record is allocated too; its failure is benign (FLT-1).
#[test]
fn lock_record_of_an_object_may_fail() {
    run(verified(), |kernel| {
        let before = kernel.allocations();
        let object = create_object(&mut attributes()).unwrap();
        assert_eq!(kernel.allocations(), before + 2);
        delete(object);
        kernel.fail_nth_allocation(2);
        let object = create_object(&mut attributes()).unwrap();
        assert_eq!(kernel.verifier().faults_injected, 1);
        delete(object);
    })
    .unwrap();
}

/// WdfMemoryAssignBuffer and the copying calls allocate nothing (FLT-5).
#[test]
fn buffers_are_reached_assigned_and_copied_without_allocating() {
    run(verified(), |kernel| {
        let memory: WDFMEMORY = preallocated(null_mut()).unwrap().cast();
        let before = kernel.allocations();
        let (buffer, _) = buffer_of(memory);
        let mut bytes = [0_u8; 4];
        let start = bytes.as_mut_ptr().cast();
        for status in [
            wdf!(WdfMemoryAssignBuffer(memory, buffer.cast(), 8)),
            wdf!(WdfMemoryCopyToBuffer(memory, 0, start, 4)),
            wdf!(WdfMemoryCopyFromBuffer(memory, 0, start, 4)),
        ] {
            assert_eq!(status, STATUS_SUCCESS);
        }
        assert_eq!(kernel.allocations(), before);
    })
    .unwrap();
}

/// WdfMemoryCreateFromLookaside frees its entries when one of its allocations fails (FLT-7, FLT-8,
/// FLT-9).
#[test]
fn failed_taking_from_a_list_leaves_nothing_behind() {
    let kinds = [
        (16, NonPagedPoolNx, 1),
        (5000, NonPagedPoolNx, 2),
        (16, PagedPool, 2),
        (5000, PagedPool, 2),
    ];
    for (size, pool_type, allocations) in kinds {
        for config in [plain(), verified()] {
            run(config, move |kernel| {
                let mut attributes = logged(null_mut());
                for failing in 1..=allocations {
                    let list = create_list(null_mut(), size, pool_type, &mut attributes).unwrap();
                    kernel.fail_nth_allocation(failing);
                    assert_eq!(take(list).err(), Some(STATUS_INSUFFICIENT_RESOURCES));
                    delete(list.cast());
                }
                let list = create_list(null_mut(), size, pool_type, &mut attributes).unwrap();
                kernel.fail_nth_allocation(allocations + 1);
                label(take(list).unwrap().cast(), 1);
                kernel.fail_nth_allocation(0);
            })
            .unwrap();
        }
    }
}

/// WdfObjectAllocateContext changes nothing when its allocation fails (FLT-10).
#[test]
fn failed_additional_context_leaves_the_object_as_it_was() {
    run(plain(), |kernel| {
        let object = object(1, null_mut());
        let mut attributes = attributes();
        attributes.ContextTypeInfo = EXTRA.as_ptr();
        let before = kernel.allocations();
        kernel.fail_nth_allocation(1);
        let mut context = 0x40 as PVOID;
        let status = wdf!(WdfObjectAllocateContext(
            object,
            &mut attributes,
            &mut context
        ));
        assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(context, 0x40 as PVOID);
        assert!(context_of(object, &EXTRA).is_null());
        assert_eq!(kernel.allocations(), before + 1);
    })
    .unwrap();
}

/// References, deletion and the callbacks allocate nothing (FLT-25).
#[test]
fn references_and_deletion_need_no_memory() {
    run(plain(), |kernel| {
        let memory = memory(1, null_mut(), PagedPool, 16);
        let before = kernel.allocations();
        reference(memory.cast());
        kernel.at_irql(2, || delete(memory.cast()));
        wait_for_log("cleanup 1");
        dereference(memory.cast());
        assert_eq!(kernel.allocations(), before);
    })
    .unwrap();
}

/// WdfObjectCreate without memory does not write the out pointer (FLT-26).
#[test]
fn failed_object_creation_leaves_the_out_pointer() {
    run(plain(), |kernel| {
        kernel.fail_nth_allocation(1);
        let mut object = 0x40 as WDFOBJECT;
        let status = wdf!(WdfObjectCreate(null_mut(), &mut object));
        assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(object, 0x40 as WDFOBJECT);
    })
    .unwrap();
}

static SWEPT: Mutex<Option<Call>> = Mutex::new(None);

/// STATUS_DELETE_PENDING comes after all other checks, and no callback runs (MEM-18, MEM-31,
/// MEM-51, OBJ-33, OBJ-61, FLT-27).
#[test]
fn creation_below_a_parent_being_disposed_fails_last_and_leaves_nothing() {
    unsafe extern "C" fn create_below(parent: WDFOBJECT) {
        let call = SWEPT.lock().unwrap().expect("a call");
        assert_eq!(call(parent).err(), Some(STATUS_DELETE_PENDING));
        log("refused".into());
    }
    for (rule, call, ..) in CALLS {
        for config in [plain(), verified()] {
            let log = run_and_log(config, move |kernel| {
                *SWEPT.lock().unwrap() = Some(call);
                let before = kernel.verifier();
                let mut attributes = attributes();
                attributes.EvtCleanupCallback = Some(create_below);
                delete(create_object(&mut attributes).unwrap());
                let after = kernel.verifier();
                assert_eq!(after.tags, before.tags);
                assert_eq!(after.live_lookaside_lists, before.live_lookaside_lists);
            });
            assert_eq!(log.unwrap(), ["refused", "unload"], "{rule}");
        }
    }
}
