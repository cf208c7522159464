//! IRQL, spin locks, critical regions and DPCs.

use crate::kernel::*;
use kmdf_sys::*;
use nt_model::Config;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn irql_is_raised_and_lowered_per_thread() {
    runs(Config::default(), |kernel| {
        assert_eq!(irql(), 0);
        assert_eq!(raise(1), 0);
        assert_eq!(raise(2), 1);
        std::thread::scope(|scope| scope.spawn(|| assert_eq!(irql(), 0)).join()).expect("no panic");
        assert_eq!(kernel.irql(), 2);
        lower(0);
        assert_eq!(kernel.at_irql(2, irql), 2);
        assert_eq!(irql(), 0);
    });
}

#[test]
fn raising_to_less_and_lowering_to_more_stop() {
    let raised = |_: &_| {
        raise(2);
        raise(1)
    };
    let stop = stopped(Config::default(), raised);
    assert_eq!((stop.code, stop.parameters), (0xC4, [0x30, 2, 1, 0]));
    assert_eq!(stopped(unverified(), raised).code, 0x9);
    assert_eq!(
        case(&stopped(Config::default(), |_| raise(16))),
        (0xC4, 0x30)
    );
    let stop = stopped(Config::default(), |_| lower(1));
    assert_eq!((stop.code, stop.parameters), (0xC4, [0x31, 0, 1, 0]));
    assert_eq!(stopped(unverified(), |_| lower(1)).code, 0xA);
}

#[test]
fn a_spin_lock_raises_to_dispatch_level_and_excludes_other_threads() {
    runs(Config::default(), |_| {
        let lock = Place::<u64>::zeroed();
        let counter = Place::<u64>::zeroed();
        initialize_lock(lock.get());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let before = acquire(lock.get());
                        assert_eq!((before, irql()), (0, 2));
                        let counter = counter.get();
                        // SAFETY: The lock is held.
                        let value = unsafe { counter.read_volatile() };
                        // SAFETY: The lock is held.
                        unsafe { counter.write_volatile(value + 1) };
                        release(lock.get(), before);
                    }
                });
            }
        });
        // SAFETY: No other thread is left.
        assert_eq!(unsafe { counter.get().read() }, 2000);
        assert_eq!(irql(), 0);
    });
}

#[test]
fn acquiring_a_spin_lock_twice_stops() {
    let stop = stopped(Config::default(), |_| {
        let lock = Place::<u64>::zeroed();
        acquire(lock.get());
        acquire_at_dpc(lock.get());
    });
    assert_eq!(stop.code, 0xF);
}

#[test]
fn releasing_a_spin_lock_that_is_not_held_stops() {
    let stop = stopped(Config::default(), |_| {
        let lock = Place::<u64>::zeroed();
        raise(2);
        release(lock.get(), 0);
    });
    assert_eq!(stop.code, 0x10);
}

#[test]
fn spin_lock_calls_at_the_wrong_irql_stop() {
    let [above, below, at_passive, from_dpc] = [
        |_: &_| {
            raise(3);
            acquire(Place::<u64>::zeroed().get());
        },
        |_: &_| acquire_at_dpc(Place::<u64>::zeroed().get()),
        |_: &_| release(Place::<u64>::zeroed().get(), 0),
        |_: &_| release_from_dpc(Place::<u64>::zeroed().get()),
    ] as [fn(&nt_model::Kernel); 4];
    for (scenario, case) in [
        (above, 0x42),
        (below, 0x40),
        (at_passive, 0x32),
        (from_dpc, 0x41),
    ] {
        let stop = stopped(Config::default(), scenario);
        assert_eq!((stop.code, stop.parameters[0]), (0xC4, case));
        assert_eq!(stopped(unverified(), scenario).code, 0xA);
    }
}

#[test]
fn critical_regions_nest_and_must_have_been_entered() {
    runs(Config::default(), |_| {
        enter_region();
        enter_region();
        leave_region();
        leave_region();
    });
    assert_eq!(
        case(&stopped(Config::default(), |_| leave_region())),
        (0xC4, 0x3E)
    );
    assert_eq!(stopped(unverified(), |_| leave_region()).code, 0x1);
    let enter = |_: &_| {
        raise(2);
        enter_region();
    };
    assert_eq!(case(&stopped(Config::default(), enter)), (0xC4, 0x11A));
    let leave = |_: &_| {
        enter_region();
        raise(2);
        leave_region();
    };
    assert_eq!(case(&stopped(Config::default(), leave)), (0xC4, 0x11B));
}

thread_local! {
    static SEEN: Cell<(u32, u8)> = const { Cell::new((0, 0)) };
}

static OTHER: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn note(_: *mut KDPC, context: PVOID, first: PVOID, second: PVOID) {
    let sum = context.addr() + first.addr() + second.addr();
    SEEN.set((SEEN.get().0 + sum as u32, irql()));
    OTHER.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_dpc_runs_at_dispatch_level_once_the_irql_falls_below() {
    runs(Config::default(), |_| {
        let dpc = Place::<KDPC>::zeroed();
        initialize_dpc(dpc.get(), Some(note), 100 as PVOID);
        assert_eq!(queue_dpc(dpc.get(), 20 as PVOID, 3 as PVOID), 1);
        assert_eq!(SEEN.get(), (123, 2));
        let before = raise(2);
        assert_eq!(queue_dpc(dpc.get(), 1 as PVOID, 1 as PVOID), 1);
        assert_eq!(queue_dpc(dpc.get(), 1 as PVOID, 1 as PVOID), 0);
        assert_eq!(SEEN.get().0, 123);
        lower(before);
        assert_eq!(SEEN.get(), (225, 2));
        assert_eq!(irql(), 0);
    });
}
