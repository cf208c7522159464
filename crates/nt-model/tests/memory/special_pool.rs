//! Special pool and forced IRQL checking: accesses that a page protection catches.

use crate::kernel::*;
use kmdf_sys::*;
use nt_model::Config;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the system reports all properties of an access.
const KNOWS_ALL: bool = cfg!(any(
    windows,
    all(target_os = "linux", target_arch = "x86_64")
));

fn write_bit(stop: &nt_model::Stop, index: usize, bit: u64) {
    if KNOWS_ALL {
        assert_eq!(stop.parameters[index], bit);
    }
}

#[test]
fn an_access_past_the_end_stops_at_once() {
    for kind in [NX, PAGED] {
        let stop = stopped(Config::default(), move |_| {
            let block = allocate(kind, 48, TAG);
            poke(block, 48, 1);
        });
        assert_eq!(stop.code, 0xCD);
        assert_eq!(stop.parameters[0] % PAGE, 0);
        write_bit(&stop, 1, 1);
        assert!(stop.message.contains("48 bytes, tag 'Test'"), "{stop}");
    }
}

#[test]
fn an_access_to_a_freed_block_stops_at_once() {
    for kind in [NX, PAGED] {
        let stop = stopped(Config::default(), move |_| {
            let block = allocate(kind, 48, TAG);
            free(block);
            peek(block, 4)
        });
        assert_eq!(stop.code, 0xCC);
        write_bit(&stop, 1, 0);
        assert!(stop.message.contains("freed"), "{stop}");
    }
}

#[test]
fn bytes_after_a_block_that_does_not_fill_its_last_unit_are_checked_at_free() {
    let stop = stopped(Config::default(), |_| {
        let block = allocate(NX, 41, TAG);
        poke(block, 41, 0);
        free(block);
    });
    assert_eq!((stop.code, stop.parameters[3]), (0xC1, 0x24));
    assert_eq!(stop.parameters[1] - stop.parameters[0], 41);
}

#[test]
fn bytes_before_a_block_are_checked_at_free() {
    let stop = stopped(Config::default(), |_| {
        let block = allocate(PAGED, 48, TAG);
        poke(block, -1, 0);
        free(block);
    });
    assert_eq!((stop.code, stop.parameters[3]), (0xC1, 0x23));
    assert_eq!(stop.parameters[0] - stop.parameters[1], 1);
}

#[test]
fn freed_whole_pages_and_what_follows_them_are_inaccessible() {
    let stop = stopped(Config::default(), |_| {
        let block = allocate(NX, PAGE, TAG);
        free(block);
        poke(block, 0, 1);
    });
    assert_eq!(stop.code, 0x50);
    write_bit(&stop, 1, 2);
    let stop = stopped(Config::default(), |_| {
        peek(allocate(NX, PAGE, TAG), PAGE as isize)
    });
    assert_eq!(stop.code, 0x50);
}

/// Accessing paged memory at DISPATCH_LEVEL is a bug check (E5, NT-5).
#[test]
fn paged_memory_touched_at_dispatch_level_stops() {
    for size in [48, PAGE, 3 * PAGE] {
        for write in [false, true] {
            let stop = stopped(Config::default(), move |_| {
                let block = allocate(PAGED, size, TAG);
                poke(block, 0, 7);
                raise(2);
                if write {
                    poke(block, 0, 8);
                }
                peek(block, 0)
            });
            assert_eq!((stop.code, stop.parameters[1]), (0xD1, 2));
            write_bit(&stop, 2, u64::from(write));
        }
    }
}

#[test]
fn paged_memory_keeps_its_contents_over_dispatch_level() {
    runs(Config::default(), |_| {
        let blocks: Vec<_> = (0..40)
            .map(|index| (index, allocate(PAGED, 100 + 400 * index, TAG)))
            .collect();
        for (index, block) in &blocks {
            poke(*block, 99, *index as u8);
        }
        for _ in 0..3 {
            lower(raise(2));
            for (index, block) in &blocks {
                assert_eq!(peek(*block, 99), *index as u8);
            }
        }
        blocks.into_iter().for_each(|(_, block)| free(block));
    });
}

#[test]
fn paged_memory_can_be_touched_at_dispatch_level_without_the_option() {
    let mut config = Config::default();
    config.verifier.force_irql_checking = false;
    runs(config, |kernel| {
        let block = allocate(PAGED, 48, TAG);
        kernel.at_irql(2, || poke(block, 0, 1));
        free(block);
    });
}

#[test]
fn a_thread_below_dispatch_level_waits_for_those_at_it_and_goes_on() {
    runs(Config::default(), |_| {
        let block = Place::of(allocate(PAGED, 48, TAG).cast::<u8>());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let before = raise(2);
                    for _ in 0..100 {
                        std::hint::spin_loop();
                    }
                    lower(before);
                }
            });
            for round in 0..500_u32 {
                poke(block.get().cast(), 0, round as u8);
                assert_eq!(peek(block.get().cast(), 0), round as u8);
            }
            done.store(true, Ordering::Relaxed);
        });
        free(block.get().cast());
    });
}

#[test]
fn a_touch_at_dispatch_level_stops_although_other_threads_may_touch() {
    let stop = stopped(Config::default(), |_| {
        let block = Place::of(allocate(PAGED, 48, TAG).cast::<u8>());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                loop {
                    poke(block.get().cast(), 0, 1);
                }
            });
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                raise(2);
                peek(block.get().cast(), 0)
            });
        });
    });
    assert_eq!(stop.code, 0xD1);
}

#[test]
fn a_thread_that_blocks_at_dispatch_level_does_not_hold_up_others_for_good() {
    runs(Config::default(), |_| {
        let block = Place::of(allocate(PAGED, 48, TAG).cast::<u8>());
        let [raised, touched] = [const { AtomicBool::new(false) }; 2];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let before = raise(2);
                raised.store(true, Ordering::SeqCst);
                while !touched.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                lower(before);
            });
            while !raised.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            poke(block.get().cast(), 0, 1);
            touched.store(true, Ordering::SeqCst);
        });
    });
}

/// The kernel's own use of the object would fault on Windows.
#[test]
fn a_spin_lock_in_paged_pool_stops() {
    let stop = stopped(Config::default(), |_| {
        initialize_lock(allocate(PAGED, 8, TAG).cast())
    });
    assert_eq!(case(&stop), (0xC4, 0xE1));
}

#[test]
fn a_null_pointer_stops_by_the_irql() {
    let stop = stopped(Config::default(), |_| peek(std::ptr::null(), 8));
    assert_eq!(stop.code, 0x1E);
    assert_eq!((stop.parameters[0], stop.parameters[3]), (0xC000_0005, 8));
    let stop = stopped(Config::default(), |_| {
        raise(2);
        peek(std::ptr::null(), 8)
    });
    assert_eq!(
        (stop.code, stop.parameters[..2].to_vec()),
        (0xD1, vec![8, 2])
    );
}

#[test]
fn the_bug_check_of_a_thread_that_the_scenario_spawned_ends_the_run() {
    let stop = stopped(Config::default(), |_| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let block = allocate(NX, 16, TAG);
                free(block);
                peek(block, 0)
            });
        });
    });
    assert_eq!(stop.code, 0xCC);
}

#[test]
fn quarantined_blocks_are_used_again_late() {
    runs(Config::default(), |_| {
        let first = allocate(NX, 64, TAG).addr();
        free(first as PVOID);
        for _ in 0..5_000 {
            let block = allocate(NX, 64, TAG);
            assert_ne!(block.addr(), first);
            free(block);
        }
        for _ in 0..40_000 {
            let block = allocate(NX, 64, TAG);
            assert!(!block.is_null());
            free(block);
        }
    });
}

/// A pointer that is read from uninitialised memory is not one that can be followed.
#[test]
#[cfg(any(windows, all(target_os = "linux", target_arch = "x86_64")))]
fn a_pointer_from_uninitialised_memory_stops() {
    let stop = stopped(Config::default(), |_| {
        let block = allocate(NX, 16, TAG);
        let bytes = [(); 8].map(|()| peek(block, 3));
        peek(std::ptr::without_provenance(usize::from_ne_bytes(bytes)), 0)
    });
    assert_eq!(stop.code, 0x1E);
    assert_eq!(
        (stop.parameters[0], stop.parameters[3]),
        (0xC000_0005, u64::MAX)
    );
}
