//! Lookaside lists and SLISTs.

use crate::kernel::*;
use kmdf_sys::*;
use nt_model::{Config, Windows};
use std::mem::transmute;
use std::ptr::null_mut;

type Paged = PAGED_LOOKASIDE_LIST;
type Nonpaged = NPAGED_LOOKASIDE_LIST;
type AllocateExport = unsafe extern "C" fn(PPAGED_LOOKASIDE_LIST) -> PVOID;
type FreeExport = unsafe extern "C" fn(PPAGED_LOOKASIDE_LIST, PVOID);

/// The calls that are exported since 22H2, looked up as a driver would.
#[derive(Clone, Copy)]
struct Exports {
    allocate: AllocateExport,
    free: FreeExport,
}

impl Exports {
    fn paged() -> Self {
        Self::named(
            "ExAllocateFromPagedLookasideList",
            "ExFreeToPagedLookasideList",
        )
    }

    fn nonpaged() -> Self {
        Self::named(
            "ExAllocateFromNPagedLookasideList",
            "ExFreeToNPagedLookasideList",
        )
    }

    fn named(allocate: &str, free: &str) -> Self {
        let [allocate, free] = [routine(allocate), routine(free)];
        assert!(!allocate.is_null() && !free.is_null());
        // SAFETY: The export has this signature; the two kinds of list have one layout.
        let allocate = unsafe { transmute::<PVOID, AllocateExport>(allocate) };
        // SAFETY: The export that frees has this signature.
        let free = unsafe { transmute::<PVOID, FreeExport>(free) };
        Self { allocate, free }
    }

    fn allocate(self, list: *mut Paged) -> PVOID {
        // SAFETY: The kernel stops the run on misuse, as `kernel` explains.
        unsafe { (self.allocate)(list) }
    }

    fn free(self, list: *mut Paged, entry: PVOID) {
        // SAFETY: The kernel stops the run on misuse, as `kernel` explains.
        unsafe { (self.free)(list, entry) }
    }
}

/// The current contents of the structure.
fn state(list: *mut Paged) -> GENERAL_LOOKASIDE {
    // SAFETY: The list is initialised and no other thread uses it.
    unsafe { (*list).L }
}

/// TotalAllocates, AllocateMisses, TotalFrees, FreeMisses.
fn counters(list: *mut Paged) -> [u32; 4] {
    let state = state(list);
    // SAFETY: Both fields of the union are counters.
    let misses = unsafe { state.__bindgen_anon_2.AllocateMisses };
    // SAFETY: Both fields of the union are counters.
    let free_misses = unsafe { state.__bindgen_anon_3.FreeMisses };
    [state.TotalAllocates, misses, state.TotalFrees, free_misses]
}

fn paged_list(size: u64) -> *mut Paged {
    let list = Place::<Paged>::zeroed().get();
    initialize_paged_list(list, size);
    list
}

/// The counters, the depth limit, LIFO reuse (NT-1).
#[test]
fn the_exports_count_hits_and_misses_as_documented() {
    let config = nt_model::Config {
        lookaside_depth: 2,
        ..without_special_pool()
    };
    runs(config, |kernel| {
        let list = paged_list(48);
        let exports = Exports::paged();
        assert_eq!((state(list).Depth, state(list).MaximumDepth), (2, 256));
        assert_eq!(
            (state(list).Type, state(list).Size, state(list).Tag),
            (1, 48, TAG)
        );
        let entries = [(); 3].map(|()| exports.allocate(list));
        assert_eq!(counters(list), [3, 3, 0, 0]);
        for entry in entries {
            exports.free(list, entry);
        }
        assert_eq!(counters(list), [3, 3, 3, 1]);
        assert_eq!(depth(list.cast()), 2);
        assert_eq!(exports.allocate(list), entries[1]);
        assert_eq!(counters(list), [4, 3, 3, 1]);
        exports.free(list, entries[1]);
        assert_eq!(kernel.verifier().live_lookaside_lists, 1);
        delete_paged_list(list);
        let report = kernel.verifier();
        assert_eq!((report.live_blocks, report.live_lookaside_lists), (0, 0));
    });
}

/// With special pool each entry is a block of its own (NT-2).
#[test]
fn with_special_pool_a_list_keeps_no_entries() {
    runs(Config::default(), |_| {
        let list = paged_list(48);
        let exports = Exports::paged();
        assert_eq!(state(list).Depth, 0);
        let entry = exports.allocate(list);
        exports.free(list, entry);
        assert_eq!(counters(list), [1, 1, 1, 1]);
        delete_paged_list(list);
    });
}

/// The push and pop that older headers inline, on the structure's public fields.
#[test]
fn a_list_works_as_older_headers_inline_it() {
    runs(without_special_pool(), |kernel| {
        let list = paged_list(48);
        assert_eq!(pop(list.cast()), null_mut());
        let state = state(list);
        // SAFETY: Both fields of the union are the same routine.
        let routine = unsafe { state.__bindgen_anon_4.Allocate };
        let routine = routine.expect("there is a default routine");
        // SAFETY: The list's own routine with the list's own arguments.
        let entry = unsafe { routine(state.Type, state.Size.into(), state.Tag) };
        assert!(depth(list.cast()) < state.Depth);
        push(list.cast(), entry.cast());
        assert_eq!(pop(list.cast()), entry.cast());
        push(list.cast(), entry.cast());
        delete_paged_list(list);
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

/// Before Windows 11 22H2 the kernel does not export the calls that allocate and free (E7).
#[test]
fn the_exports_exist_since_22h2_unless_they_are_withheld() {
    let config = Config {
        windows: Windows::V11_21H2,
        ..Config::default()
    };
    runs(config, |_| {
        assert!(routine("ExAllocateFromPagedLookasideList").is_null());
        assert!(!routine("ExAllocatePool2").is_null());
        assert!(!routine("ExDeletePagedLookasideList").is_null());
    });
    let config = Config {
        windows: Windows::V10_1809,
        ..Config::default()
    };
    runs(config, |_| assert!(routine("ExAllocatePool2").is_null()));
    let config = Config {
        withheld: vec!["ExFreeToPagedLookasideList"],
        ..Config::default()
    };
    runs(config, |_| {
        assert!(routine("ExFreeToPagedLookasideList").is_null());
        assert!(!routine("ExAllocateFromPagedLookasideList").is_null());
        assert!(routine("NoSuchRoutine").is_null());
    });
}

/// A double free of an entry is a bug check, where Windows corrupts the list (E4, NT-7).
#[test]
fn an_entry_freed_twice_stops() {
    let scenario = |_: &_| {
        let list = paged_list(48);
        let exports = Exports::paged();
        let entry = exports.allocate(list);
        exports.free(list, entry);
        exports.free(list, entry);
    };
    assert_eq!(case(&stopped(Config::default(), scenario)), (0xC4, 0x13));
    assert_eq!(
        case(&stopped(without_special_pool(), scenario)),
        (0xC4, 0x13)
    );
    assert_eq!(case(&stopped(unverified(), scenario)), (0xC2, 0x7));
}

/// A double free with the inlined calls is a bug check too (E4, NT-7).
#[test]
fn an_entry_pushed_twice_stops() {
    let scenario = |_: &_| {
        let list = paged_list(48);
        let entry = allocate(PAGED, 48, TAG);
        push(list.cast(), entry.cast());
        push(list.cast(), allocate(PAGED, 48, TAG).cast());
        push(list.cast(), entry.cast());
    };
    assert_eq!(
        case(&stopped(without_special_pool(), scenario)),
        (0xC4, 0x13)
    );
    assert_eq!(case(&stopped(unverified(), scenario)), (0xC2, 0x7));
}

/// An entry must be freed to the list that it came from (E4).
#[test]
fn an_entry_freed_to_another_list_stops() {
    for config in [Config::default(), unverified()] {
        let stop = stopped(config, |_| {
            let (one, other) = (paged_list(48), paged_list(48));
            let exports = Exports::paged();
            let entry = exports.allocate(one);
            exports.free(other, entry);
        });
        assert_eq!(case(&stop), (0xC2, 0xA));
        assert!(stop.message.contains("came from the one at"));
    }
}

#[test]
fn a_write_to_a_free_entry_stops_when_it_is_used_again() {
    for (offset, code) in [(0, 0xC5), (20, 0xC6)] {
        let stop = stopped(without_special_pool(), move |_| {
            let list = paged_list(48);
            let exports = Exports::paged();
            let entry = exports.allocate(list);
            exports.free(list, entry);
            poke(entry, offset, 1);
            exports.allocate(list).addr()
        });
        assert_eq!(stop.code, code);
    }
}

/// Paged lists and their entries are used up to APC_LEVEL (E5, E6).
#[test]
fn a_paged_list_at_dispatch_level_stops() {
    let allocate = |_: &_| {
        let (list, exports) = (paged_list(48), Exports::paged());
        raise(2);
        exports.allocate(list).addr()
    };
    let free = |_: &_| {
        let (list, exports) = (paged_list(48), Exports::paged());
        let entry = exports.allocate(list);
        raise(2);
        exports.free(list, entry);
        0
    };
    let initialize = |_: &_| {
        raise(2);
        paged_list(48).addr()
    };
    let delete = |_: &_| {
        let list = paged_list(48);
        raise(2);
        delete_paged_list(list);
        0
    };
    for scenario in [allocate, free, initialize, delete] as [fn(&nt_model::Kernel) -> usize; 4] {
        assert_eq!(
            case(&stopped(Config::default(), scenario)),
            (0xC4, 0x2_0006)
        );
        assert_eq!(stopped(unverified(), scenario).code, 0xA);
    }
}

#[test]
fn a_nonpaged_list_works_at_dispatch_level() {
    runs(Config::default(), |kernel| {
        let list = Place::<Nonpaged>::zeroed().get();
        let exports = Exports::nonpaged();
        kernel.at_irql(2, || {
            initialize_nonpaged_list(list, 48);
            let entry = exports.allocate(list.cast());
            poke(entry, 47, 1);
            exports.free(list.cast(), entry);
            delete_nonpaged_list(list);
        });
    });
}

#[test]
fn a_list_initialised_again_stops() {
    let scenario = |_: &_| {
        let list = paged_list(48);
        initialize_paged_list(list, 48);
    };
    assert_eq!(case(&stopped(Config::default(), scenario)), (0xC4, 0xCA));
    runs(unverified(), scenario);
}

#[test]
fn deleting_a_list_that_is_not_initialised_stops() {
    let scenario = |_: &_| delete_paged_list(Place::<Paged>::zeroed().get());
    assert_eq!(case(&stopped(Config::default(), scenario)), (0xC4, 0xCB));
    assert_eq!(stopped(unverified(), scenario).code, 0xC5);
    let twice = |_: &_| {
        let list = paged_list(48);
        delete_paged_list(list);
        delete_paged_list(list);
    };
    assert_eq!(case(&stopped(Config::default(), twice)), (0xC4, 0xCB));
}

/// A list must be initialised before its first use (E1).
#[test]
fn using_a_list_that_is_not_initialised_stops() {
    let stop = stopped(Config::default(), |_| {
        Exports::paged()
            .allocate(Place::<Paged>::zeroed().get())
            .addr()
    });
    assert_eq!(case(&stop), (0x1E, 0xC000_0005));
}

/// The storage of a list must not be freed before the list is deleted (E1).
#[test]
fn freeing_pool_that_contains_an_active_list_stops() {
    let stop = stopped(Config::default(), |_| {
        let block = allocate(NX, 256, TAG);
        initialize_paged_list(block.wrapping_byte_add(64).cast(), 48);
        free(block);
    });
    assert_eq!(case(&stop), (0xC4, 0xCC));
    assert_eq!(
        (stop.parameters[1] - stop.parameters[2], stop.parameters[3]),
        (64, 256)
    );
}

/// An entry has to hold the link of the free list (NT-3).
#[test]
fn entries_too_small_for_a_link_stop() {
    let stop = stopped(Config::default(), |_| paged_list(4).addr());
    assert_eq!(
        (stop.code, stop.parameters[0], stop.parameters[2..].to_vec()),
        (0xC4, 0xCD, vec![4, 8])
    );
    runs(unverified(), |_| assert_eq!(state(paged_list(4)).Size, 8));
}

/// On x64 the structure lies on a boundary of 16 bytes (E1).
#[test]
fn a_misaligned_list_stops() {
    let stop = stopped(Config::default(), |_| {
        let block = allocate(NX, 256, TAG);
        initialize_paged_list(block.wrapping_byte_add(8).cast(), 48);
    });
    assert_eq!(case(&stop), (0x1E, 0x8000_0002));
}

/// An allocation that fails gives null (E2).
#[test]
fn an_entry_that_cannot_be_had_is_null() {
    runs(Config::default(), |kernel| {
        let (list, exports) = (paged_list(48), Exports::paged());
        kernel.fail_nth_allocation(1);
        assert_eq!(exports.allocate(list), null_mut());
        assert_eq!(counters(list), [1, 1, 0, 0]);
        delete_paged_list(list);
    });
}

#[test]
fn many_threads_share_a_list() {
    for config in [Config::default(), without_special_pool()] {
        runs(config, |kernel| {
            let (list, exports) = (Place::of(paged_list(64)), Exports::paged());
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..300 {
                            let entries = [(); 3].map(|()| exports.allocate(list.get()));
                            for entry in entries {
                                poke(entry, 63, 1);
                                exports.free(list.get(), entry);
                            }
                        }
                    });
                }
            });
            assert_eq!(counters(list.get())[0], 3600);
            delete_paged_list(list.get());
            assert_eq!(kernel.verifier().live_blocks, 0);
        });
    }
}

#[test]
fn an_slist_is_last_in_first_out_on_the_documented_header() {
    runs(Config::default(), |_| {
        let header = Place::<SLIST_HEADER>::zeroed().get();
        let entries = [(); 3].map(|()| allocate(NX, 16, TAG).cast::<SLIST_ENTRY>());
        initialize_slist(header);
        assert_eq!(pop(header), null_mut());
        assert_eq!(push(header, entries[0]), null_mut());
        assert_eq!(push(header, entries[1]), entries[0]);
        assert_eq!(push(header, entries[2]), entries[1]);
        assert_eq!(depth(header), 3);
        // SAFETY: A live header.
        let halves = unsafe { header.cast::<[u64; 2]>().read() };
        assert_eq!(
            (halves[0] & 0xFFFF, halves[1]),
            (3, entries[2].addr() as u64)
        );
        assert_eq!(pop(header), entries[2]);
        assert_eq!(flush(header), entries[1]);
        // SAFETY: A live entry.
        let next = unsafe { entries[1].cast::<PSLIST_ENTRY>().read() };
        assert_eq!((next, depth(header)), (entries[0], 0));
        entries.into_iter().for_each(|entry| free(entry.cast()));
    });
}

#[test]
fn an_slist_header_that_was_overwritten_stops() {
    let stop = stopped(Config::default(), |_| {
        let header = Place::<SLIST_HEADER>::zeroed().get();
        push(header, allocate(NX, 16, TAG).cast());
        poke(header.cast(), 9, 0x55);
        pop(header).addr()
    });
    assert_eq!(stop.code, 0xC5);
}
