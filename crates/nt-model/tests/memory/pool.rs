//! Pool: placing, contents, and the rules of allocating and freeing.

use crate::kernel::*;
use kmdf_sys::*;
use nt_model::{Config, LowResources, MODEL_STOP, Pool, Windows};
use std::ptr::null_mut;

/// Below a page 16-aligned within one page, from a page up page-aligned (NT-4).
fn blocks_lie_as_documented(config: Config) {
    runs(config, |_| {
        for kind in [NX, PAGED] {
            for size in [
                1, 15, 16, 17, 100, 2047, 4064, 4080, 4081, 4095, 4096, 4097, 12288, 100_000,
            ] {
                let block = allocate(kind, size, TAG);
                let start = block.addr() as u64;
                if size < PAGE {
                    assert_eq!(start % 16, 0, "{size}");
                    assert_eq!(start / PAGE, (start + size - 1) / PAGE, "{size}");
                } else {
                    assert_eq!(start % PAGE, 0, "{size}");
                }
                poke(block, 0, 1);
                poke(block, size as isize - 1, 2);
                free(block);
            }
        }
    });
}

#[test]
fn blocks_lie_as_documented_in_special_pool() {
    blocks_lie_as_documented(Config::default());
}

#[test]
fn blocks_lie_as_documented_without_a_verifier() {
    blocks_lie_as_documented(unverified());
}

/// Memory that is not zeroed has a pattern, so that reading it uninitialised is noticed (C8, NT-4).
#[test]
fn memory_with_a_tag_is_not_zeroed_and_memory_by_flags_is() {
    for config in [Config::default(), unverified()] {
        runs(config, |_| {
            for size in [24_u64, 4096] {
                let undefined = allocate(NX, size, TAG);
                assert_ne!(peek(undefined, size as isize - 1), 0);
                let zeroed = allocate2(POOL_FLAG_NON_PAGED, size, TAG);
                assert!((0..size as isize).all(|offset| peek(zeroed, offset) == 0));
                let asked = POOL_FLAG_PAGED | POOL_FLAG_UNINITIALIZED;
                let uninitialized = allocate2(asked, size, TAG);
                assert_ne!(peek(uninitialized, 0), 0);
                [undefined, zeroed, uninitialized]
                    .into_iter()
                    .for_each(free);
            }
        });
    }
}

#[test]
fn allocation_by_flags_refuses_bad_flags_and_tag_zero_with_null() {
    runs(Config::default(), |_| {
        assert_eq!(allocate2(0, 16, TAG), null_mut());
        assert_eq!(
            allocate2(POOL_FLAG_PAGED | POOL_FLAG_NON_PAGED, 16, TAG),
            null_mut()
        );
        assert_eq!(
            allocate2(POOL_FLAG_PAGED | POOL_FLAG_RESERVED1, 16, TAG),
            null_mut()
        );
        assert_eq!(allocate2(POOL_FLAG_PAGED, 16, 0), null_mut());
        let optional = POOL_FLAG_PAGED | POOL_FLAG_SPECIAL_POOL | 1 << 60;
        let block = allocate2(optional, 16, TAG);
        assert_ne!(block, null_mut());
        free(block);
        let aligned = allocate2(POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED, 100, TAG);
        assert_eq!(aligned.addr() % 64, 0);
        free(aligned);
    });
    runs(unverified(), |_| {
        assert_eq!(allocate2(POOL_FLAG_PAGED, 0, TAG), null_mut())
    });
}

#[test]
fn allocation_by_flags_is_not_there_before_2004() {
    let config = Config {
        windows: Windows::V10_1809,
        ..Config::default()
    };
    let stop = stopped(config, |_| allocate2(POOL_FLAG_PAGED, 16, TAG).addr());
    assert_eq!(stop.code, MODEL_STOP);
}

#[test]
fn an_exhausted_pool_gives_null_until_something_is_freed() {
    let config = Config {
        pool_limit: 64 * 1024,
        ..Config::default()
    };
    runs(config, |_| {
        let half = allocate(PAGED, 32 * 1024, TAG);
        assert_eq!(allocate(PAGED, 32 * 1024 + 1, TAG), null_mut());
        assert_eq!(allocate(PAGED, u64::MAX, TAG), null_mut());
        let rest = allocate(PAGED, 32 * 1024, TAG);
        assert_ne!(rest, null_mut());
        assert_eq!(allocate(PAGED, 1, TAG), null_mut());
        let other = allocate(NX, 1, TAG);
        assert_ne!(other, null_mut());
        free(rest);
        let again = allocate(PAGED, 1, TAG);
        assert_ne!(again, null_mut());
        [half, again, other].into_iter().for_each(free);
    });
}

/// Pool of 0 bytes is a bug check (NT-6).
#[test]
fn an_allocation_of_nothing_stops() {
    let stop = stopped(Config::default(), |_| allocate(PAGED, 0, TAG).addr());
    assert_eq!((stop.code, stop.parameters), (0xC4, [0, 0, 1, 0]));
    let stop = stopped(unverified(), |_| allocate(PAGED, 0, TAG).addr());
    assert_eq!((stop.code, stop.parameters), (0xC2, [0, 0, 1, TAG.into()]));
}

/// Paged pool can be allocated up to APC_LEVEL (NT-5, C2, E6).
#[test]
fn a_paged_allocation_above_apc_level_stops() {
    let scenario = |_: &_| {
        raise(2);
        allocate(PAGED, 40, TAG).addr()
    };
    let stop = stopped(Config::default(), scenario);
    assert_eq!((stop.code, stop.parameters), (0xC4, [0x1, 2, 1, 40]));
    assert!(stop.message.contains("ExAllocatePoolWithTag") && stop.message.contains("Test"));
    let stop = stopped(unverified(), scenario);
    assert_eq!((stop.code, stop.parameters), (0xC2, [0x8, 2, 1, 40]));
}

/// Nonpaged pool can be allocated up to DISPATCH_LEVEL (NT-5).
#[test]
fn a_nonpaged_allocation_works_at_dispatch_level_and_stops_above() {
    runs(Config::default(), |kernel| {
        kernel.at_irql(2, || free(allocate(NX, 40, TAG)))
    });
    let scenario = |_: &_| {
        raise(3);
        allocate(NX, 40, TAG).addr()
    };
    let stop = stopped(Config::default(), scenario);
    assert_eq!((stop.code, stop.parameters), (0xC4, [0x2, 3, 0x200, 40]));
    let stop = stopped(unverified(), scenario);
    assert_eq!((stop.code, stop.parameters), (0xC2, [0x8, 3, 0x200, 40]));
}

/// Paged pool is freed up to APC_LEVEL, nonpaged pool up to DISPATCH_LEVEL (NT-5).
#[test]
fn a_free_at_too_high_an_irql_stops() {
    for (kind, level, reported, case) in [(PAGED, 2, 1, 0x11), (NX, 3, 0x200, 0x12)] {
        for (config, code, first) in [(Config::default(), 0xC4, case), (unverified(), 0xC2, 0x9)] {
            let stop = stopped(config, move |_| {
                let block = allocate(kind, 40, TAG);
                raise(level);
                free(block);
            });
            assert_eq!(stop.code, code);
            assert_eq!(stop.parameters[..3], [first, level.into(), reported]);
        }
    }
}

/// A double free is a bug check (NT-7).
#[test]
fn a_block_freed_twice_stops() {
    for size in [40, 4096] {
        let scenario = move |_: &_| {
            let block = allocate(PAGED, size, TAG);
            free(block);
            free(block);
        };
        assert_eq!(case(&stopped(Config::default(), scenario)), (0xC4, 0x13));
        assert_eq!(
            case(&stopped(without_special_pool(), scenario)),
            (0xC4, 0x13)
        );
        assert_eq!(case(&stopped(unverified(), scenario)), (0xC2, 0x7));
    }
}

/// The address that is freed must be that of a block (NT-7).
#[test]
fn freeing_what_is_no_block_stops() {
    let inside = |_: &_| {
        let block = allocate(NX, 40, TAG);
        free(block.wrapping_byte_add(16));
    };
    let heap = |_: &_| free(Place::<u64>::zeroed().get().cast());
    let null = |_: &_| free(null_mut());
    for scenario in [inside, heap, null] {
        let stop = stopped(Config::default(), scenario);
        assert_eq!(case(&stop).0, 0xC4);
        assert_eq!(stop.parameters[0], 0x10);
        assert_eq!(case(&stopped(unverified(), scenario)), (0xC2, 0x46));
    }
}

#[test]
fn freeing_with_another_tag_stops_and_with_none_does_not() {
    let stop = stopped(Config::default(), |_| {
        let block = allocate(NX, 40, TAG);
        free_with_tag(block, tag(b"Else"));
    });
    assert_eq!(stop.code, 0xC2);
    assert_eq!(stop.parameters[0], 0xA);
    assert_eq!(
        stop.parameters[2..],
        [u64::from(TAG), u64::from(tag(b"Else"))]
    );
    runs(Config::default(), |_| {
        free_with_tag(allocate(NX, 40, TAG), 0);
        free_with_tag(allocate(NX, 40, TAG), TAG);
    });
}

#[test]
fn tags_that_cannot_be_tracked_stop() {
    for (tag, case) in [(0, 0x9B), (tag(b"BIG\0"), 0x9C)] {
        let stop = stopped(Config::default(), move |_| allocate(NX, 40, tag).addr());
        assert_eq!((stop.code, stop.parameters), (0xC2, [case, 0x200, 40, 0]));
    }
    let stop = stopped(Config::default(), |_| allocate(NX, 40, tag(b"-+ .")).addr());
    assert_eq!(
        (stop.code, stop.parameters),
        (0xC2, [0x9D, tag(b"-+ .").into(), 0x200, 0])
    );
}

#[test]
fn must_succeed_pool_stops_and_session_pool_is_not_modelled() {
    let stop = stopped(Config::default(), |_| allocate(2, 40, TAG).addr());
    assert_eq!(
        (stop.code, stop.parameters),
        (0xC2, [0x9A, 2, 40, TAG.into()])
    );
    let stop = stopped(Config::default(), |_| allocate(33, 40, TAG).addr());
    assert_eq!(stop.code, MODEL_STOP);
}

#[test]
fn executable_pool_stops_under_code_integrity_only() {
    runs(Config::default(), |_| free(allocate(0, 40, TAG)));
    let mut config = Config::default();
    config.verifier.code_integrity = true;
    let stop = stopped(config, |_| allocate(0, 40, TAG).addr());
    assert_eq!(
        (stop.code, stop.parameters),
        (0xC4, [0x2000, 0, 0, TAG.into()])
    );
}

#[test]
fn an_overrun_is_found_at_free_without_special_pool() {
    let tail = |_: &_| {
        let block = allocate(NX, 40, TAG);
        poke(block, 40, 0);
        free(block);
    };
    assert_eq!(case(&stopped(without_special_pool(), tail)), (0xC4, 0x51));
    let header = |_: &_| {
        let block = allocate(NX, 40, TAG);
        poke(block, -1, 0);
        free(block);
    };
    assert_eq!(case(&stopped(unverified(), header)), (0x19, 0x20));
}

#[test]
fn a_write_to_a_freed_block_is_found_when_it_is_used_again() {
    let stop = stopped(unverified(), |_| {
        let block = allocate(NX, 40, TAG);
        free(block);
        poke(block, 8, 0);
        for _ in 0..200 {
            allocate(NX, 40, TAG);
        }
    });
    assert_eq!(stop.code, 0xC6);
}

#[test]
fn the_nth_allocation_fails_and_only_that_one() {
    let mut config = Config::default();
    config.verifier.low_resources = LowResources::FailNth(3);
    runs(config, |kernel| {
        let blocks: Vec<_> = (0..5).map(|_| allocate(NX, 16, TAG)).collect();
        let failed: Vec<_> = blocks.iter().map(|block| block.is_null()).collect();
        assert_eq!(failed, [false, false, true, false, false]);
        assert_eq!(kernel.allocations(), 5);
        assert_eq!(kernel.verifier().faults_injected, 1);
        kernel.fail_nth_allocation(2);
        assert!(!allocate2(POOL_FLAG_PAGED, 16, TAG).is_null());
        assert!(allocate2(POOL_FLAG_PAGED, 16, TAG).is_null());
        assert!(!allocate2(POOL_FLAG_PAGED, 16, TAG).is_null());
        kernel.fail_nth_allocation(1);
        kernel.fail_nth_allocation(0);
        assert!(!allocate(NX, 16, TAG).is_null());
    });
}

#[test]
fn from_the_nth_on_all_allocations_fail() {
    let mut config = unverified();
    config.verifier.low_resources = LowResources::FailFrom(2);
    runs(config, |_| {
        let blocks: Vec<_> = (0..4).map(|_| allocate(NX, 16, TAG).is_null()).collect();
        assert_eq!(blocks, [false, true, true, true]);
    });
}

#[test]
fn the_report_counts_live_blocks_by_tag_and_pool() {
    runs(Config::default(), |kernel| {
        let blocks = [
            allocate(NX, 10, TAG),
            allocate(NX, 20, TAG),
            allocate(PAGED, 5000, TAG),
        ];
        let report = kernel.verifier();
        assert_eq!((report.live_blocks, report.live_bytes), (3, 5030));
        let nonpaged = report.tags.iter().find(|tag| tag.pool == Pool::NonPaged);
        let nonpaged = nonpaged.expect("two blocks are live");
        assert_eq!(
            (nonpaged.tag, nonpaged.blocks, nonpaged.bytes),
            (TAG, 2, 30)
        );
        assert_eq!(nonpaged.to_string(), "'Test' NonPaged: 2 blocks, 30 bytes");
        assert_eq!(
            (
                report.nonpaged_blocks,
                report.paged_blocks,
                report.paged_peak
            ),
            (2, 1, 5000)
        );
        if report.page_protection {
            assert_eq!((report.special_blocks, report.special_eligible), (2, 2));
        }
        blocks.into_iter().for_each(free);
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

#[test]
fn many_threads_allocate_and_free_at_once() {
    for config in [Config::default(), unverified()] {
        runs(config, |kernel| {
            std::thread::scope(|scope| {
                for seed in 0..4_u64 {
                    scope.spawn(move || {
                        for round in 0..400 {
                            let size = (seed * 977 + round * 131) % 6000 + 1;
                            let kind = if round % 2 == 0 { NX } else { PAGED };
                            let block = allocate(kind, size, TAG);
                            poke(block, size as isize - 1, seed as u8);
                            if round % 7 == 0 {
                                lower(raise(2));
                            }
                            assert_eq!(peek(block, size as isize - 1), seed as u8);
                            free(block);
                        }
                    });
                }
            });
            assert_eq!(kernel.verifier().live_blocks, 0);
        });
    }
}

#[test]
fn special_pool_gives_way_to_plain_pool_when_it_is_full() {
    runs(Config::default(), |kernel| {
        let blocks: Vec<_> = (0..12_000).map(|_| allocate(NX, 32, TAG)).collect();
        assert!(blocks.iter().all(|block| !block.is_null()));
        let report = kernel.verifier();
        if report.page_protection {
            assert!(report.special_blocks < report.special_eligible);
        }
        blocks.into_iter().for_each(free);
    });
}

#[test]
fn an_irp_freed_as_pool_stops_under_io_verification() {
    let stop = stopped(Config::default(), |_| {
        // SAFETY: The kernel stops the run on misuse, as `kernel` explains.
        let irp = unsafe { ntddk::IoAllocateIrp(1, 0) };
        free(irp.cast());
    });
    assert_eq!(case(&stop), (0xC4, 0x105));
}
