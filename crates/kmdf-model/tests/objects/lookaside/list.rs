//! The lists: creation, what they keep, deletion.

use super::*;
use nt_model::Config;

/// WdfLookasideListCreate requires the out pointer before it checks anything (MEM-42).
#[test]
fn list_needs_an_out_pointer_first() {
    let stop = stop_of(plain(), |_| {
        wdf!(WdfLookasideListCreate(
            null_mut(),
            0,
            PagedPool,
            null_mut(),
            0,
            null_mut()
        ))
    });
    assert_required_null(&stop);
}

/// WdfLookasideListCreate clears the handle, then checks the size and the attributes (MEM-43,
/// MEM-44, MEM-45).
#[test]
fn failures_clear_the_handle_and_the_size_comes_first() {
    run(plain(), |_| {
        let mut wrong = attributes();
        wrong.Size = 0;
        let mut invalid = attributes();
        invalid.ExecutionLevel = 0;
        let mut good = attributes();
        let status_of = |size, attributes: *mut _, memory_attributes: *mut _| {
            let mut list = 0x40 as WDFLOOKASIDE;
            let status = wdf!(WdfLookasideListCreate(
                attributes,
                size,
                NonPagedPoolNx,
                memory_attributes,
                0,
                &mut list
            ));
            assert!(list.is_null());
            status
        };
        let wrong: *mut WDF_OBJECT_ATTRIBUTES = &mut wrong;
        let invalid: *mut WDF_OBJECT_ATTRIBUTES = &mut invalid;
        assert_eq!(status_of(0, wrong, wrong), STATUS_INVALID_PARAMETER);
        assert_eq!(status_of(8, wrong, invalid), STATUS_INFO_LENGTH_MISMATCH);
        assert_eq!(
            status_of(8, invalid, wrong),
            STATUS_WDF_OBJECT_ATTRIBUTES_INVALID
        );
        assert_eq!(status_of(8, &mut good, wrong), STATUS_INFO_LENGTH_MISMATCH);
    })
    .unwrap();
}

/// The verifier checks the IRQL of WdfLookasideListCreate for paged pool (MEM-47, MEM-52).
#[test]
fn paged_list_needs_passive_level_under_the_verifier() {
    run(verified(), |kernel| {
        for level in [1, DISPATCH] {
            let paged = || create_list(null_mut(), 8, PagedPool, null_mut());
            let refused = kernel.at_irql(level, paged);
            assert_eq!(refused.err(), Some(STATUS_INVALID_DEVICE_REQUEST));
            let nonpaged = || create_list(null_mut(), 8, NonPagedPoolNx, null_mut());
            assert!(kernel.at_irql(level, nonpaged).is_ok());
        }
    })
    .unwrap();
    run(plain(), |kernel| {
        let paged = || create_list(null_mut(), 8, PagedPool, null_mut());
        assert!(kernel.at_irql(1, paged).is_ok());
    })
    .unwrap();
}

/// A size that overflows is rejected; one that is only too large fails when memory is taken
/// (MEM-50).
#[test]
fn size_overflow_shows_and_large_buffers_fail_later() {
    run(plain(), |kernel| {
        let before = kernel.verifier();
        let mut memories = logged(null_mut());
        memories.ContextSizeOverride = usize::MAX - 100;
        for (size, pool_type) in KINDS {
            let list = create_list(null_mut(), size, pool_type, &mut memories);
            assert_eq!(list.err(), Some(STATUS_INTEGER_OVERFLOW));
        }
        let after = kernel.verifier();
        assert_eq!(after.live_blocks, before.live_blocks);
        assert_eq!(after.live_lookaside_lists, before.live_lookaside_lists);
        for pool_type in [NonPagedPoolNx, PagedPool] {
            for size in [usize::MAX, 1 << 31] {
                let list = list_of((size, pool_type));
                assert_eq!(take(list).err(), Some(STATUS_INSUFFICIENT_RESOURCES));
                delete(list.cast());
            }
        }
        assert_eq!(kernel.verifier().live_blocks, before.live_blocks);
    })
    .unwrap();
}

/// The kernel's list keeps the low 32 bits of the size, so that a buffer of 4 GiB and more is
/// smaller than WdfMemoryGetBuffer says (MEM-50).
#[test]
fn memory_of_a_list_of_four_gibibytes_claims_more_than_its_block_has() {
    const BLOCK: usize = 8192;
    const TAG: ULONG = u32::from_le_bytes(*b"Huge");
    fn take_one(pool_type: POOL_TYPE) -> WDFMEMORY {
        let (mut list, none) = (null_mut(), null_mut());
        let size = (1 << 32) + BLOCK;
        let status = wdf!(WdfLookasideListCreate(
            none, size, pool_type, none, TAG, &mut list
        ));
        assert_eq!(status, STATUS_SUCCESS);
        take(list).unwrap()
    }
    for pool_type in [NonPagedPoolNx, PagedPool] {
        run(plain(), move |kernel| {
            let memory = take_one(pool_type);
            let (buffer, size) = buffer_of(memory);
            assert_eq!(size, (1 << 32) + BLOCK);
            assert!(live_bytes(kernel, TAG) < BLOCK as u64 + 1024);
            fill(buffer, BLOCK, 1);
            delete(memory.cast());
        })
        .unwrap();
        let stop = stop_of(plain(), move |_| {
            let memory = take_one(pool_type);
            fill(buffer_of(memory).0, BLOCK + 1, 1);
        });
        assert_eq!(stop.code, PAGE_FAULT_IN_NONPAGED_AREA, "{stop}");
    }
}

/// WdfLookasideListCreate allocates no entries (MEM-53, MEM-55, FLT-6).
#[test]
fn creating_a_list_allocates_the_list_object_alone() {
    for (kind, lists) in KINDS.into_iter().zip([1, 2, 2, 2]) {
        run(plain(), move |kernel| {
            let before = (kernel.allocations(), kernel.verifier().live_lookaside_lists);
            let list = list_of(kind);
            let after = (kernel.allocations(), kernel.verifier().live_lookaside_lists);
            assert_eq!(after, (before.0 + 1, before.1 + lists));
            delete(list.cast());
            assert_eq!(kernel.verifier().live_lookaside_lists, before.1);
        })
        .unwrap();
    }
}

/// Small nonpaged buffers lie in the entry of their object, others in one of their own (MEM-53,
/// FLT-7, FLT-8, FLT-9).
#[test]
fn taking_a_memory_allocates_one_or_two_entries_of_the_lists_tag() {
    for (kind, entries) in KINDS.into_iter().zip([1, 2, 2, 2]) {
        run(plain(), move |kernel| {
            let tag = u32::from_le_bytes(*b"Look");
            let mut list = null_mut();
            let none = null_mut();
            let status = wdf!(WdfLookasideListCreate(
                none, kind.0, kind.1, none, tag, &mut list
            ));
            assert_eq!(status, STATUS_SUCCESS);
            take(list).unwrap();
            assert_eq!(live_blocks(kernel, tag), entries);
        })
        .unwrap();
    }
}

/// Tag 0 of a list stands for the default tag of the driver (MEM-46, MEM-4).
#[test]
fn tag_zero_gives_entries_the_drivers_tag() {
    run(plain(), |kernel| {
        let before = live_bytes(kernel, DRIVER_TAG);
        let list = list_of((50_000, PagedPool));
        take(list).unwrap();
        assert!(live_bytes(kernel, DRIVER_TAG) >= before + 50_000);
    })
    .unwrap();
}

/// Memory objects keep the list that they came from (MEM-65).
#[test]
fn list_is_destroyed_after_its_last_memory() {
    for kind in KINDS {
        let log = run_and_log(plain(), move |kernel| {
            let list = logged_list(kind, null_mut());
            let memories = [taken(list, 2), taken(list, 3)];
            delete(list.cast());
            log("list deleted".into());
            for memory in memories {
                fill(buffer_of(memory).0, kind.0, 1);
                assert_ne!(kernel.verifier().live_lookaside_lists, 0);
                delete(memory.cast());
            }
            assert_eq!(kernel.verifier().live_lookaside_lists, 0);
        });
        let expected = [
            "cleanup 1",
            "list deleted",
            "cleanup 2",
            "destroy 2",
            "cleanup 3",
            "destroy 3",
            "destroy 1",
            "unload",
        ];
        assert_eq!(log.unwrap(), expected);
    }
}

/// At unload a list is disposed of before memory objects that are its younger siblings (MEM-65).
#[test]
fn at_unload_the_list_is_destroyed_after_its_memories() {
    for kind in KINDS {
        let log = run_and_log(plain(), move |_| {
            let list = logged_list(kind, null_mut());
            taken(list, 2);
            taken(list, 3);
        });
        let expected = [
            "unload",
            "cleanup 1",
            "cleanup 2",
            "cleanup 3",
            "destroy 2",
            "destroy 3",
            "destroy 1",
        ];
        assert_eq!(log.unwrap(), expected);
    }
}

/// A deleted list that is referenced can still be used (MEM-66).
#[test]
fn disposed_but_referenced_list_still_gives_memory() {
    let log = run_and_log(plain(), |_| {
        let list = logged_list(KINDS[0], null_mut());
        reference(list.cast());
        delete(list.cast());
        let memory = taken(list, 2);
        dereference(list.cast());
        delete(memory.cast());
    });
    let expected = ["cleanup 1", "cleanup 2", "destroy 2", "destroy 1", "unload"];
    assert_eq!(log.unwrap(), expected);
}

/// A paged list is destroyed at PASSIVE_LEVEL (MEM-56).
#[test]
fn paged_list_deleted_above_passive_level_goes_later() {
    let log = run_and_log(plain(), |kernel| {
        let list = logged_list(KINDS[2], null_mut());
        kernel.at_irql(DISPATCH, || delete(list.cast()));
        wait_for_log("destroy 1");
        let list = logged_list(KINDS[0], null_mut());
        kernel.at_irql(DISPATCH, || delete(list.cast()));
        log("nonpaged".into());
    });
    let expected = [
        "cleanup 1",
        "destroy 1",
        "cleanup 1",
        "destroy 1",
        "nonpaged",
        "unload",
    ];
    assert_eq!(log.unwrap(), expected);
}

/// Lookaside lists distinguish only between paged and nonpaged pool types (MEM-8).
#[test]
fn odd_pool_types_make_ordinary_lists() {
    run(plain(), |_| {
        for pool_type in [
            NonPagedPoolMustSucceed,
            NonPagedPoolCacheAligned,
            PagedPoolSession,
        ] {
            let list = list_of((64, pool_type));
            fill(buffer_of(take(list).unwrap()).0, 64, 1);
        }
        for pool_type in [PagedPoolCacheAligned, PagedPool | 0x100] {
            let list = list_of((64, pool_type));
            fill(buffer_of(take(list).unwrap()).0, 64, 1);
        }
    })
    .unwrap();
}

/// A list of depth 0 works and keeps no entries (NT-2).
#[test]
fn lists_work_at_depth_zero() {
    let config = Config {
        lookaside_depth: 0,
        ..plain()
    };
    run(config, |kernel| {
        let before = kernel.verifier().live_blocks;
        let lists = KINDS.map(list_of);
        for list in lists {
            for _ in 0..3 {
                delete(take(list).unwrap().cast());
            }
        }
        assert_eq!(kernel.verifier().live_blocks, before + 4);
        for list in lists {
            delete(list.cast());
        }
        assert_eq!(kernel.verifier().live_blocks, before);
    })
    .unwrap();
}

/// Entries that the list keeps are used again, and are freed with it (NT-1).
#[test]
fn lists_keep_entries_and_free_them_at_the_end() {
    run(recycling(), |kernel| {
        let before = kernel.verifier().live_blocks;
        for kind in KINDS {
            let list = list_of(kind);
            delete(take(list).unwrap().cast());
            let allocations = kernel.allocations();
            let memories: Vec<_> = (0..10).map(|_| take(list).unwrap()).collect();
            let entries = if kind.1 == NonPagedPoolNx && kind.0 < PAGE_SIZE {
                1
            } else {
                2
            };
            assert_eq!(kernel.allocations() - allocations, 9 * entries);
            memories
                .into_iter()
                .for_each(|memory| delete(memory.cast()));
            delete(list.cast());
        }
        assert_eq!(kernel.verifier().live_blocks, before);
    })
    .unwrap();
}

/// Several threads take from and return to one list (NT-1).
#[test]
fn lists_serve_several_threads() {
    run(recycling(), |_| {
        for kind in KINDS {
            let list = list_of(kind).addr();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let list = std::ptr::without_provenance_mut(list);
                        for _ in 0..50 {
                            let memory = take(list).unwrap();
                            fill(buffer_of(memory).0, kind.0, 1);
                            delete(memory.cast());
                        }
                    });
                }
            });
        }
    })
    .unwrap();
}
