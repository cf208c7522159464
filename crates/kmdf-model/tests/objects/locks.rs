//! Spin locks, wait locks, and the locks of objects.

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};

fn spin_lock() -> WDFSPINLOCK {
    let mut lock = null_mut();
    let status = wdf!(WdfSpinLockCreate(null_mut(), &mut lock));
    assert_eq!(status, STATUS_SUCCESS);
    lock
}

fn wait_lock() -> WDFWAITLOCK {
    let mut lock = null_mut();
    let status = wdf!(WdfWaitLockCreate(null_mut(), &mut lock));
    assert_eq!(status, STATUS_SUCCESS);
    lock
}

/// WdfObjectAcquireLock is a bug check for objects without such a lock (OBJ-63).
#[test]
fn locking_an_object_without_callback_constraints_stops_the_run() {
    for config in [plain(), verified()] {
        let (stop, log) = stop_and_log(config, |_| {
            let object = object(1, null_mut());
            log(format!("{}", object.addr()));
            wdf!(WdfObjectAcquireLock(object));
        });
        assert_violation(&stop, 0xB, log[0].parse().unwrap());
        assert_eq!(stop.parameters[2], 0);
    }
    let stop = stop_of(plain(), |_| {
        wdf!(WdfObjectReleaseLock(object(1, null_mut())))
    });
    assert_eq!(stop.parameters[0], 0xB, "{stop}");
}

/// With the verifier, the debugger breaks first (OBJ-63, VER-5).
#[test]
fn locking_the_wrong_object_breaks_before_the_bug_check() {
    let stop = stop_of(nt_model::Config::default(), |_| {
        wdf!(WdfObjectAcquireLock(object(1, null_mut())))
    });
    assert_eq!(stop.code, KMODE_EXCEPTION_NOT_HANDLED, "{stop}");
}

/// Creating a lock checks the out pointer, then the attributes, then clears the handle (OBJ-28, OBJ-72,
/// OBJ-77).
#[test]
fn lock_creation_checks_pointer_and_attributes() {
    assert_required_null(&stop_of(plain(), |_| {
        wdf!(WdfSpinLockCreate(null_mut(), null_mut()))
    }));
    assert_required_null(&stop_of(plain(), |_| {
        wdf!(WdfWaitLockCreate(null_mut(), null_mut()))
    }));
    run(plain(), |_| {
        let mut wrong = attributes();
        wrong.ExecutionLevel = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
        let mut lock = 0x40 as WDFSPINLOCK;
        let status = wdf!(WdfSpinLockCreate(&mut wrong, &mut lock));
        assert_eq!(status, STATUS_WDF_EXECUTION_LEVEL_INVALID);
        assert_eq!(lock.addr(), 0x40, "left as it was");
        let mut lock = 0x40 as WDFWAITLOCK;
        let status = wdf!(WdfWaitLockCreate(&mut wrong, &mut lock));
        assert_eq!(status, STATUS_WDF_EXECUTION_LEVEL_INVALID);
        assert_eq!(lock.addr(), 0x40, "left as it was");
    })
    .unwrap();
}

#[test]
fn spin_lock_raises_to_dispatch_level_and_back() {
    run(verified(), |kernel| {
        let lock = spin_lock();
        for level in [0, 1, 2] {
            kernel.at_irql(level, || {
                wdf!(WdfSpinLockAcquire(lock));
                assert_eq!(kernel.irql(), 2);
                wdf!(WdfSpinLockRelease(lock));
                assert_eq!(kernel.irql(), level);
            });
        }
    })
    .unwrap();
}

#[test]
fn spin_lock_excludes_other_threads() {
    let total = run(plain(), |_| {
        let (lock, total) = (spin_lock().addr(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let lock = std::ptr::without_provenance_mut(lock);
                    for _ in 0..100 {
                        wdf!(WdfSpinLockAcquire(lock));
                        let seen = total.load(Ordering::Relaxed);
                        std::thread::yield_now();
                        total.store(seen + 1, Ordering::Relaxed);
                        wdf!(WdfSpinLockRelease(lock));
                    }
                });
            }
        });
        total.into_inner()
    });
    assert_eq!(total.unwrap(), 400);
}

#[test]
fn spin_lock_acquired_twice_stops_the_run() {
    let stop = stop_of(plain(), |_| {
        let lock = spin_lock();
        wdf!(WdfSpinLockAcquire(lock));
        wdf!(WdfSpinLockAcquire(lock));
    });
    assert_eq!(stop.code, SPIN_LOCK_ALREADY_OWNED, "{stop}");
}

#[test]
fn wait_lock_excludes_other_threads() {
    let total = run(verified(), |_| {
        let (lock, total) = (wait_lock().addr(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let lock = std::ptr::without_provenance_mut(lock);
                    for _ in 0..100 {
                        let status = wdf!(WdfWaitLockAcquire(lock, null_mut()));
                        assert_eq!(status, STATUS_SUCCESS);
                        let seen = total.load(Ordering::Relaxed);
                        std::thread::yield_now();
                        total.store(seen + 1, Ordering::Relaxed);
                        wdf!(WdfWaitLockRelease(lock));
                    }
                });
            }
        });
        total.into_inner()
    });
    assert_eq!(total.unwrap(), 400);
}

#[test]
fn wait_lock_that_is_held_times_out() {
    run(verified(), |_| {
        let lock = wait_lock();
        let status = wdf!(WdfWaitLockAcquire(lock, null_mut()));
        assert_eq!(status, STATUS_SUCCESS);
        let lock = lock.addr();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let lock = std::ptr::without_provenance_mut(lock);
                for mut timeout in [0, -10_000] {
                    let status = wdf!(WdfWaitLockAcquire(lock, &mut timeout));
                    assert_eq!(status, STATUS_TIMEOUT);
                }
            });
        });
        wdf!(WdfWaitLockRelease(std::ptr::without_provenance_mut(lock)));
    })
    .unwrap();
}

/// WdfWaitLockAcquire with a timeout other than 0 needs PASSIVE_LEVEL (VER-6).
#[test]
fn waiting_above_passive_level_is_refused_under_the_verifier() {
    run(verified(), |kernel| {
        let lock = wait_lock();
        kernel.at_irql(2, || {
            let status = wdf!(WdfWaitLockAcquire(lock, null_mut()));
            assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
        });
    })
    .unwrap();
}
