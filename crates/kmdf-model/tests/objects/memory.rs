//! Memory objects from pool: WdfMemoryCreate and WdfMemoryGetBuffer.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::*;
use kmdf_sys::*;
use std::ptr::null_mut;

const PAGE_SIZE: usize = 4096;
const TAG: u32 = u32::from_le_bytes(*b"Mem1");
const DISPATCH: u8 = DISPATCH_LEVEL as u8;

/// The object's address, from its handle.
fn address_of(memory: WDFMEMORY) -> usize {
    memory.addr() ^ !7
}

/// WdfMemoryCreate requires the out pointer before it checks anything (MEM-11).
#[test]
fn out_pointer_is_required_before_anything_is_checked() {
    let stop = stop_of(plain(), |_| {
        wdf!(WdfMemoryCreate(
            null_mut(),
            NonPagedPoolNx,
            0,
            0,
            null_mut(),
            null_mut()
        ))
    });
    assert_required_null(&stop);
}

/// Without the verifier, WdfMemoryCreate leaves the IRQL to the kernel (MEM-12).
#[test]
fn too_high_an_irql_is_refused_under_the_verifier_alone() {
    run(verified(), |kernel| {
        let refused = Some(STATUS_INVALID_DEVICE_REQUEST);
        for pool_type in [PagedPool, PagedPoolCacheAligned, PagedPool | 0x100] {
            let mut memory = 0x40 as WDFMEMORY;
            let mut create = |size| {
                wdf!(WdfMemoryCreate(
                    null_mut(),
                    pool_type,
                    0,
                    size,
                    &mut memory,
                    null_mut()
                ))
            };
            // The check comes before that of the size.
            let status = kernel.at_irql(DISPATCH, || create(0));
            assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
            assert_eq!(memory, 0x40 as WDFMEMORY);
        }
        let allowed =
            |pool_type| kernel.at_irql(DISPATCH, || create_memory(null_mut(), pool_type, 0, 16));
        assert!(allowed(NonPagedPoolNx).is_ok());
        let above = kernel.at_irql(3, || create_memory(null_mut(), NonPagedPoolNx, 0, 16));
        assert_eq!(above.err(), refused);
        let at_apc = kernel.at_irql(1, || create_memory(null_mut(), PagedPool, 0, 16));
        assert!(at_apc.is_ok());
    })
    .unwrap();
}

/// Without the framework's verifier it is the kernel that stops the run (MEM-12, NT-5).
#[test]
fn paged_memory_above_apc_level_stops_in_the_kernel_without_the_verifier() {
    let stop = stop_of(plain(), |kernel| {
        kernel.at_irql(DISPATCH, || {
            create_memory(null_mut(), PagedPool, 0, 16).err()
        })
    });
    assert_eq!(stop.code, DRIVER_VERIFIER_DETECTED_VIOLATION, "{stop}");
    assert_eq!(stop.parameters[..2], [1, 2], "{stop}");
}

/// WdfMemoryCreate rejects size 0 before it clears the handle (MEM-13).
#[test]
fn zero_size_leaves_the_out_pointers_alone() {
    run(plain(), |_| {
        let (mut memory, mut buffer) = (0x40 as WDFMEMORY, 0x50 as PVOID);
        let mut wrong = attributes();
        wrong.Size = 0;
        let status = wdf!(WdfMemoryCreate(
            &mut wrong,
            NonPagedPoolNx,
            0,
            0,
            &mut memory,
            &mut buffer
        ));
        assert_eq!(status, STATUS_INVALID_PARAMETER);
        assert_eq!((memory, buffer), (0x40 as WDFMEMORY, 0x50 as PVOID));
    })
    .unwrap();
}

/// After the size check, a failure leaves a NULL handle (MEM-14, MEM-15, MEM-19, FLT-26).
#[test]
fn later_failures_clear_the_handle_but_not_the_buffer() {
    run(plain(), |kernel| {
        let mut wrong = attributes();
        wrong.Size = 0;
        let cases: [(*mut _, NTSTATUS); 2] = [
            (&mut wrong, STATUS_INFO_LENGTH_MISMATCH),
            (null_mut(), STATUS_INSUFFICIENT_RESOURCES),
        ];
        for (attributes, expected) in cases {
            kernel.fail_nth_allocation(1);
            let (mut memory, mut buffer) = (0x40 as WDFMEMORY, 0x50 as PVOID);
            let status = wdf!(WdfMemoryCreate(
                attributes,
                NonPagedPoolNx,
                0,
                16,
                &mut memory,
                &mut buffer
            ));
            assert_eq!(status, expected);
            assert_eq!((memory, buffer), (null_mut(), 0x50 as PVOID));
        }
    })
    .unwrap();
}

/// WdfMemoryCreate gives the same address as WdfMemoryGetBuffer (MEM-19, MEM-30).
#[test]
fn buffer_pointer_is_optional_and_what_get_buffer_says() {
    run(plain(), |_| {
        let mut memory = null_mut();
        let status = wdf!(WdfMemoryCreate(
            null_mut(),
            NonPagedPoolNx,
            0,
            33,
            &mut memory,
            null_mut()
        ));
        assert_eq!(status, STATUS_SUCCESS);
        let (buffer, size) = buffer_of(memory);
        assert_eq!(size, 33);
        assert_eq!(wdf!(WdfMemoryGetBuffer(memory, null_mut())), buffer.cast());
        let (memory, buffer) = create_memory(null_mut(), PagedPool, 0, 9000).unwrap();
        assert_eq!(buffer_of(memory), (buffer, 9000));
    })
    .unwrap();
}

/// Tag 0 stands for the default tag of the driver (MEM-4, MEM-16).
#[test]
fn tag_zero_is_the_drivers_tag() {
    run(plain(), |kernel| {
        for (tag, expected) in [(0, DRIVER_TAG), (TAG, TAG), (0x41, 0x41)] {
            let before = live_bytes(kernel, expected);
            let (memory, _) = create_memory(null_mut(), NonPagedPoolNx, tag, 100_000).unwrap();
            assert!(live_bytes(kernel, expected) >= before + 100_000);
            delete(memory.cast());
        }
    })
    .unwrap();
}

/// Object and buffer of less than a page share an allocation (MEM-20, FLT-2).
#[test]
fn small_nonpaged_memory_is_one_allocation_with_the_callers_tag() {
    run(plain(), |kernel| {
        for pool_type in [NonPagedPool, NonPagedPoolCacheAligned, NonPagedPoolNx] {
            let (allocations, own) = (kernel.allocations(), live_blocks(kernel, DRIVER_TAG));
            let (memory, buffer) = create_memory(null_mut(), pool_type, TAG, 100).unwrap();
            assert_eq!(kernel.allocations(), allocations + 1);
            assert_eq!(live_blocks(kernel, TAG), 1);
            assert_eq!(live_blocks(kernel, DRIVER_TAG), own);
            assert_eq!(buffer.addr() % 16, 0);
            assert!(buffer.addr() > address_of(memory));
            assert!(buffer.addr() < address_of(memory) + 512);
            delete(memory.cast());
            assert_eq!(live_blocks(kernel, TAG), 0);
        }
    })
    .unwrap();
}

/// Paged buffers and those of a page and more have an allocation of their own (MEM-22, FLT-3).
#[test]
fn other_memory_is_an_object_and_an_exact_buffer() {
    let cases = [
        (PagedPool, 100),
        (PagedPool, 5000),
        (NonPagedPoolNx, PAGE_SIZE),
    ];
    for (pool_type, size) in cases {
        run(plain(), move |kernel| {
            let (allocations, own) = (kernel.allocations(), live_blocks(kernel, DRIVER_TAG));
            let (memory, _) = create_memory(null_mut(), pool_type, TAG, size).unwrap();
            assert_eq!(kernel.allocations(), allocations + 2);
            assert_eq!(
                (live_blocks(kernel, TAG), live_bytes(kernel, TAG)),
                (1, size as u64)
            );
            assert_eq!(live_blocks(kernel, DRIVER_TAG), own + 1);
            delete(memory.cast());
            assert_eq!(live_blocks(kernel, TAG), 0);
            assert_eq!(live_blocks(kernel, DRIVER_TAG), own);
        })
        .unwrap();
    }
}

/// With the verifier every buffer has an allocation of its own (MEM-22, VER-9).
#[test]
fn small_nonpaged_memory_is_split_under_the_verifier() {
    run(verified(), |kernel| {
        let allocations = kernel.allocations();
        let (_, buffer) = create_memory(null_mut(), NonPagedPoolNx, TAG, 100).unwrap();
        assert_eq!(kernel.allocations(), allocations + 2);
        assert_eq!(live_bytes(kernel, TAG), 100);
        assert_eq!(buffer.addr() % 16, 0);
    })
    .unwrap();
}

/// A split buffer lies against special pool's guard page (MEM-22, VER-9).
#[test]
fn overrun_of_a_split_buffer_stops_the_run() {
    let stop = stop_of(verified(), |kernel| {
        assert!(kernel.verifier().page_protection);
        let (_, buffer) = create_memory(null_mut(), NonPagedPoolNx, TAG, 96).unwrap();
        fill(buffer, 97, 1);
    });
    assert_ne!(stop.code, nt_model::MODEL_STOP, "{stop}");
}

/// What counts as nonpaged is allocated in one block (MEM-5).
#[test]
fn only_two_pool_types_are_paged() {
    run(plain(), |kernel| {
        let count = |pool_type| {
            let before = kernel.allocations();
            let (memory, _) = create_memory(null_mut(), pool_type, 0, 16).unwrap();
            delete(memory.cast());
            kernel.allocations() - before
        };
        for pool_type in [PagedPool, PagedPoolCacheAligned] {
            assert_eq!(count(pool_type), 2, "{pool_type}");
        }
        for pool_type in [NonPagedPool, NonPagedPoolNx, NonPagedPoolNxCacheAligned] {
            assert_eq!(count(pool_type), 1, "{pool_type}");
        }
    })
    .unwrap();
}

/// To the framework session pool is nonpaged, so it does not refuse it; the kernel does (MEM-5).
#[test]
fn session_pool_at_dispatch_level_is_not_refused_by_the_framework() {
    for pool_type in [PagedPoolSession, PagedPoolCacheAlignedSession] {
        let stop = stop_of(verified(), move |kernel| {
            kernel.at_irql(DISPATCH, || {
                create_memory(null_mut(), pool_type, 0, 16).err()
            })
        });
        assert_ne!(stop.code, WDF_VIOLATION, "{stop}");
    }
}

/// The pool type reaches the kernel as it is, which the check for executable pool shows (MEM-21,
/// MEM-7).
#[test]
fn odd_nonpaged_types_become_plain_ones_below_a_page() {
    let seen = |pool_type, size| {
        let mut config = plain();
        config.verifier.code_integrity = true;
        let stop = stop_of(config, move |_| {
            create_memory(null_mut(), pool_type, TAG, size).err()
        });
        assert_eq!(stop.code, DRIVER_VERIFIER_DETECTED_VIOLATION, "{stop}");
        assert_eq!(stop.parameters[0], 0x2000, "{stop}");
        stop.parameters[2] as POOL_TYPE
    };
    assert_eq!(seen(NonPagedPoolCacheAligned, 16), NonPagedPool);
    assert_eq!(
        seen(NonPagedPoolCacheAligned, PAGE_SIZE),
        NonPagedPoolCacheAligned
    );
}

/// WdfMemoryCreate zeroes the context, not the buffer (MEM-24, OBJ-12).
#[test]
fn buffer_is_not_initialised_but_the_context_is() {
    for (pool_type, size) in [
        (NonPagedPoolNx, 200),
        (NonPagedPoolNx, 6000),
        (PagedPool, 200),
    ] {
        run(plain(), move |_| {
            let (memory, buffer) =
                create_memory(&mut logged(null_mut()), pool_type, 0, size).unwrap();
            assert_ne!(
                bytes(buffer, size),
                vec![0; size],
                "the pool's contents show"
            );
            let context = context_of(memory.cast(), &LABEL);
            assert_eq!(bytes(context.cast(), 8), [0; 8]);
        })
        .unwrap();
    }
}

/// A buffer of a page or more begins on a page (MEM-25).
#[test]
fn buffers_of_a_page_and_more_are_page_aligned() {
    for config in [plain(), verified()] {
        run(config, |_| {
            for pool_type in [NonPagedPoolNx, PagedPool] {
                for size in [PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE] {
                    let (_, buffer) = create_memory(null_mut(), pool_type, 0, size).unwrap();
                    assert_eq!(buffer.addr() % PAGE_SIZE, 0);
                }
                for size in [1, 17, PAGE_SIZE - 1] {
                    let (_, buffer) = create_memory(null_mut(), pool_type, 0, size).unwrap();
                    assert_eq!(buffer.addr() % 16, 0);
                }
            }
        })
        .unwrap();
    }
}

/// Object and buffer that fill a page have no header in front (MEM-26).
#[test]
fn one_block_of_a_page_or_more_begins_with_the_object() {
    run(plain(), |_| {
        let (memory, buffer) = create_memory(null_mut(), NonPagedPoolNx, 0, PAGE_SIZE - 1).unwrap();
        assert_eq!(address_of(memory) % PAGE_SIZE, 0);
        fill(buffer, PAGE_SIZE - 1, 3);
        delete(memory.cast());
    })
    .unwrap();
}

/// The buffer is freed after EvtDestroy (MEM-28, OBJ-55).
#[test]
fn buffer_is_valid_in_evt_destroy() {
    unsafe extern "C" fn read(memory: WDFOBJECT) {
        let (buffer, size) = buffer_of(memory.cast());
        log(format!("{size} {:?}", bytes(buffer, 2)));
    }
    let log = run_and_log(plain(), |_| {
        for (pool_type, size) in [
            (NonPagedPoolNx, 16),
            (PagedPool, 17),
            (NonPagedPoolNx, 4096),
        ] {
            let mut attributes = attributes();
            attributes.EvtDestroyCallback = Some(read);
            let (memory, buffer) = create_memory(&mut attributes, pool_type, 0, size).unwrap();
            fill(buffer, size, 8);
            delete(memory.cast());
        }
    });
    assert_eq!(
        log.unwrap(),
        ["16 [8, 8]", "17 [8, 8]", "4096 [8, 8]", "unload"]
    );
}

/// Deleting the parent deletes its memory objects (MEM-29, MEM-18).
#[test]
fn memory_goes_with_its_parent() {
    let log = run_and_log(plain(), |_| {
        let parent = object(1, null_mut());
        memory(2, parent, PagedPool, 16);
        memory(3, parent, NonPagedPoolNx, 16);
        delete(parent);
    });
    let expected = [
        "cleanup 2",
        "cleanup 3",
        "cleanup 1",
        "destroy 2",
        "destroy 3",
        "destroy 1",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// Sizes that overflow or that no pool has are STATUS_INSUFFICIENT_RESOURCES (MEM-17, OBJ-15).
#[test]
fn impossible_sizes_are_insufficient_resources() {
    run(plain(), |kernel| {
        let before = kernel.verifier().live_blocks;
        for size in [usize::MAX, usize::MAX - 4096, 1 << 40] {
            for pool_type in [NonPagedPoolNx, PagedPool] {
                let memory = create_memory(null_mut(), pool_type, 0, size);
                assert_eq!(memory.err(), Some(STATUS_INSUFFICIENT_RESOURCES));
            }
        }
        let mut attributes = logged(null_mut());
        attributes.ContextSizeOverride = usize::MAX;
        let memory = create_memory(&mut attributes, NonPagedPoolNx, 0, 16);
        assert_eq!(memory.err(), Some(STATUS_INSUFFICIENT_RESOURCES));
        assert_eq!(kernel.verifier().live_blocks, before);
    })
    .unwrap();
}

/// Accessing a paged buffer above APC_LEVEL is a bug check (MEM-24).
#[test]
fn paged_buffer_touched_at_dispatch_level_stops_the_run() {
    let stop = stop_of(plain(), |kernel| {
        let (_, buffer) = create_memory(null_mut(), PagedPool, 0, 16).unwrap();
        kernel.at_irql(DISPATCH, || fill(buffer, 16, 1));
    });
    assert_eq!(stop.code, DRIVER_IRQL_NOT_LESS_OR_EQUAL, "{stop}");
}
