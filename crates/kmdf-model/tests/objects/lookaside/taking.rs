//! Memories from lists: contents, parents, return.

use super::*;
use std::sync::atomic::{AtomicPtr, Ordering};

static LIST: AtomicPtr<WDFLOOKASIDE__> = AtomicPtr::new(null_mut());

/// WdfMemoryCreateFromLookaside checks the list handle first (MEM-57).
#[test]
fn taking_checks_the_handle_then_the_out_pointer() {
    let stop = stop_of(plain(), |_| take(null_mut()).err());
    assert_bad_handle(&stop, null_mut(), 0x1009);
    let stop = stop_of(plain(), |_| {
        let list = list_of(KINDS[0]);
        wdf!(WdfMemoryCreateFromLookaside(list, null_mut()))
    });
    assert_required_null(&stop);
}

/// WdfMemoryCreateFromLookaside writes NULL when it fails (MEM-57, FLT-26).
#[test]
fn failed_taking_clears_the_handle() {
    run(plain(), |kernel| {
        let list = list_of(KINDS[0]);
        kernel.fail_nth_allocation(1);
        let mut memory = 0x40 as WDFMEMORY;
        let status = wdf!(WdfMemoryCreateFromLookaside(list, &mut memory));
        assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
        assert!(memory.is_null());
    })
    .unwrap();
}

/// WdfMemoryCreateFromLookaside does not check the IRQL, not even with the verifier on (MEM-57).
#[test]
fn nonpaged_memory_is_taken_at_dispatch_level() {
    for config in [plain(), verified()] {
        run(config, |kernel| {
            let list = list_of(KINDS[0]);
            kernel.at_irql(DISPATCH, || delete(take(list).unwrap().cast()));
        })
        .unwrap();
    }
}

/// The framework does not check the IRQL of taking paged memory, the kernel does (MEM-57, NT-5).
#[test]
fn paged_memory_taken_at_dispatch_level_stops_in_the_kernel() {
    for config in [plain(), verified()] {
        let stop = stop_of(config, |kernel| {
            let list = list_of(KINDS[2]);
            kernel.at_irql(DISPATCH, || take(list).err())
        });
        assert_eq!(stop.code, DRIVER_VERIFIER_DETECTED_VIOLATION, "{stop}");
    }
}

/// The attributes of memory objects are those that the list was created with (MEM-54, MEM-58).
#[test]
fn memory_attributes_are_copied_when_the_list_is_made() {
    let log = run_and_log(plain(), |_| {
        let parent = object(9, null_mut());
        let mut memories = logged(parent);
        let list = create_list(null_mut(), 8, NonPagedPoolNx, &mut memories).unwrap();
        memories = WDF_OBJECT_ATTRIBUTES::default();
        std::hint::black_box(&mut memories);
        taken(list, 2);
        delete(parent);
    });
    let expected = ["cleanup 2", "cleanup 9", "destroy 2", "destroy 9", "unload"];
    assert_eq!(log.unwrap(), expected);
}

/// STATUS_DELETE_PENDING if the parent of the memory objects is being deleted (MEM-57, MEM-58).
#[test]
fn taking_for_a_parent_being_disposed_is_refused() {
    unsafe extern "C" fn take_in_cleanup(_: WDFOBJECT) {
        let status = take(LIST.load(Ordering::Relaxed)).err();
        assert_eq!(status, Some(STATUS_DELETE_PENDING));
        log("refused".into());
    }
    for kind in KINDS {
        let log = run_and_log(plain(), move |kernel| {
            let mut attributes = attributes();
            attributes.EvtCleanupCallback = Some(take_in_cleanup);
            let parent = create_object(&mut attributes).unwrap();
            let list = logged_list(kind, parent);
            LIST.store(list, Ordering::Relaxed);
            delete(parent);
            delete(list.cast());
            assert_eq!(kernel.verifier().live_lookaside_lists, 0);
        });
        assert_eq!(
            log.unwrap(),
            ["refused", "cleanup 1", "destroy 1", "unload"]
        );
    }
}

/// A list keeps the handle of the parent; taking memory after its deletion corrupts memory on
/// Windows (MEM-58).
#[test]
fn taking_for_a_parent_that_is_gone_stops_the_run() {
    let stop = stop_of(plain(), |_| {
        let parent = object(2, null_mut());
        let list = logged_list(KINDS[0], parent);
        delete(parent);
        take(list).err()
    });
    assert_ne!(stop.code, WDF_VIOLATION, "{stop}");
}

/// The default parent of memory from a list is the driver, neither the list nor the list's parent
/// (MEM-59, MEM-67).
#[test]
fn memories_are_children_of_the_driver() {
    let log = run_and_log(plain(), |_| {
        let parent = object(9, null_mut());
        let mut memories = logged(null_mut());
        let list = create_list(&mut logged(parent), 8, NonPagedPoolNx, &mut memories).unwrap();
        label(list.cast(), 1);
        let memory = taken(list, 2);
        delete(parent);
        assert_eq!(buffer_of(memory).1, 8);
        log("parent deleted".into());
    });
    let expected = [
        "cleanup 1",
        "cleanup 9",
        "destroy 9",
        "parent deleted",
        "unload",
        "cleanup 2",
        "destroy 2",
        "destroy 1",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// What was left in an entry shows in its next buffer, and never in its context.
fn assert_buffers_are_not_zeroed(config: nt_model::Config, kind: (usize, POOL_TYPE)) {
    run(config, move |_| {
        let list = logged_list(kind, null_mut());
        for _ in 0..10 {
            let memory = take(list).unwrap();
            let (buffer, size) = buffer_of(memory);
            // The list's link was in the first 16 bytes.
            assert!(!bytes(buffer, size)[16..].contains(&0));
            let context = context_of(memory.cast(), &LABEL);
            assert_eq!(bytes(context.cast(), 8), [0; 8]);
            fill(buffer, size, 0xAB);
            delete(memory.cast());
        }
    })
    .unwrap();
}

/// Nothing promises that small buffers are zeroed, so the model does not zero them without
/// ModelZeroesLookasideBuffers (MEM-60).
#[test]
#[cfg_attr(
    other_framework,
    ignore = "KMDF 1.33 zeroes them; the model withholds it"
)]
fn the_model_zeroes_small_buffers_only_when_it_is_told_to() {
    for kind in [KINDS[0], KINDS[2], (PAGE_SIZE - 1, NonPagedPoolNx)] {
        for config in [plain(), recycling()] {
            assert_buffers_are_not_zeroed(config, kind);
        }
    }
}

/// With ModelZeroesLookasideBuffers, buffers of less than a page are zeroed each time (MEM-60,
/// OBJ-12).
#[test]
fn small_buffers_and_contexts_are_zeroed_on_every_taking() {
    for config in [plain(), verified(), recycling()] {
        let config = with_registry(config, "ModelZeroesLookasideBuffers", 1);
        for kind in [KINDS[0], KINDS[2], (PAGE_SIZE - 1, NonPagedPoolNx)] {
            run(config.clone(), move |_| {
                let list = logged_list(kind, null_mut());
                for _ in 0..10 {
                    let memory = take(list).unwrap();
                    let (buffer, size) = buffer_of(memory);
                    assert_eq!(bytes(buffer, size), vec![0; size]);
                    let context = context_of(memory.cast(), &LABEL);
                    assert_eq!(bytes(context.cast(), 8), [0; 8]);
                    fill(buffer, size, 0xFF);
                    fill(context.cast(), 8, 0xFF);
                    delete(memory.cast());
                }
            })
            .unwrap();
        }
    }
}

/// Buffers of a page and more are never zeroed (MEM-60).
#[test]
fn large_buffers_are_not_zeroed() {
    for kind in [KINDS[1], KINDS[3]] {
        assert_buffers_are_not_zeroed(recycling(), kind);
    }
}

/// Every buffer has the size of the list, and pages are aligned (MEM-61).
#[test]
fn buffers_have_the_lists_size_and_alignment() {
    run(plain(), |_| {
        for pool_type in [NonPagedPoolNx, PagedPool] {
            for size in [1, 8, 17, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 20_000] {
                let list = list_of((size, pool_type));
                for _ in 0..3 {
                    let (buffer, reported) = buffer_of(take(list).unwrap());
                    assert_eq!(reported, size);
                    let alignment = if size < PAGE_SIZE { 16 } else { PAGE_SIZE };
                    assert_eq!(buffer.addr() % alignment, 0);
                    fill(buffer, size, 1);
                }
            }
        }
    })
    .unwrap();
}

/// If the buffer's entry cannot be allocated, the object's entry is freed (MEM-62, FLT-8, FLT-9).
#[test]
fn object_entry_goes_back_if_there_is_no_buffer() {
    for kind in [KINDS[1], KINDS[2], KINDS[3]] {
        run(recycling(), move |kernel| {
            let list = list_of(kind);
            kernel.fail_nth_allocation(2);
            assert_eq!(take(list).err(), Some(STATUS_INSUFFICIENT_RESOURCES));
            kernel.fail_nth_allocation(0);
            let before = kernel.allocations();
            take(list).unwrap();
            // The buffer alone; the object's entry was kept.
            assert_eq!(kernel.allocations() - before, 1);
            delete(list.cast());
        })
        .unwrap();
    }
}

/// The entries are freed when the last reference is dropped (MEM-64, OBJ-46).
#[test]
fn reference_delays_the_return_to_the_list() {
    let log = run_and_log(plain(), |_| {
        let list = logged_list(KINDS[0], null_mut());
        let memory = taken(list, 2);
        fill(buffer_of(memory).0, 100, 4);
        reference(memory.cast());
        delete(memory.cast());
        let another = take(list).unwrap();
        assert_ne!(buffer_of(another).0, buffer_of(memory).0);
        assert_eq!(bytes(buffer_of(memory).0, 100), [4; 100]);
        dereference(memory.cast());
        log("dereferenced".into());
        delete(another.cast());
    });
    let log = log.unwrap();
    assert_eq!(log[..3], ["cleanup 2", "destroy 2", "dereferenced"]);
}

/// Memory with a paged buffer that is deleted at DISPATCH_LEVEL is freed at PASSIVE_LEVEL (MEM-63).
#[test]
fn paged_memory_returns_to_its_list_from_the_work_item() {
    let log = run_and_log(plain(), |kernel| {
        let list = logged_list(KINDS[2], null_mut());
        let memory = taken(list, 2);
        kernel.at_irql(DISPATCH, || delete(memory.cast()));
        wait_for_log("destroy 2");
    });
    assert_eq!(log.unwrap()[..2], ["cleanup 2", "destroy 2"]);
}
