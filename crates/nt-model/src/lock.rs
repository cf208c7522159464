//! Spin locks, which raise the IRQL and record their owner.

use crate::irql::{self, lower_checked};
use crate::machine::{Machine, enter, park, thread_number};
use crate::stop::bug_check;
use crate::verifier::{Violation, require_resident};
use kmdf_sys::*;
use std::sync::atomic::{AtomicU64, Ordering};

const DISPATCH: KIRQL = DISPATCH_LEVEL as KIRQL;

/// How often a waiting thread tries before it yields: there may be fewer processors than threads.
const PATIENCE: u32 = 64;

/// Acquires a lock at `DISPATCH_LEVEL`. It holds the owner's thread number.
///
/// Waits for a spin lock. The IRQL is `DISPATCH_LEVEL` at least.
///
/// # Safety
///
/// `lock` must be an initialised spin lock.
unsafe fn acquire(machine: &Machine, lock: PKSPIN_LOCK) {
    let me = u64::from(thread_number());
    // SAFETY: A spin lock, as the caller guarantees, which is only accessed atomically.
    let owner = unsafe { AtomicU64::from_ptr(lock) };
    let mut turns = 0;
    loop {
        match owner.compare_exchange_weak(0, me, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return,
            Err(holder) if holder == me => bug_check(
                SPIN_LOCK_ALREADY_OWNED,
                [lock.addr() as u64, 0, 0, 0],
                format!("the spin lock at {lock:p} was acquired by the thread that holds it"),
            ),
            Err(_) if machine.is_dead() => park(),
            Err(_) => {
                turns += 1;
                if turns % PATIENCE == 0 {
                    std::thread::yield_now();
                } else {
                    std::hint::spin_loop();
                }
            }
        }
    }
}

/// Releases a spin lock, which the calling thread must own.
///
/// # Safety
///
/// `lock` must be an initialised spin lock.
unsafe fn release(lock: PKSPIN_LOCK, call: &str) {
    let me = u64::from(thread_number());
    // SAFETY: A spin lock, as the caller guarantees, which is only accessed atomically.
    let owner = unsafe { AtomicU64::from_ptr(lock) };
    if owner
        .compare_exchange(me, 0, Ordering::Release, Ordering::Relaxed)
        .is_err()
    {
        bug_check(
            SPIN_LOCK_NOT_OWNED,
            [lock.addr() as u64, 0, 0, 0],
            format!("{call} of the spin lock at {lock:p}, which the thread does not hold"),
        );
    }
}

fn refuse(machine: &Machine, case: u64, lock: PKSPIN_LOCK, call: &str) -> ! {
    let (level, address) = (irql::current(), lock.addr() as u64);
    Violation {
        verifier: [case, level.into(), address, 0],
        plain: (IRQL_NOT_LESS_OR_EQUAL, [address, level.into(), 0, 0]),
    }
    .stop(machine, format!("{call} at IRQL {level}"));
}

/// Initialises a spin lock.
///
/// # Safety
///
/// `lock` must be writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeInitializeSpinLock(lock: PKSPIN_LOCK) {
    let machine = enter();
    require_resident(&machine, lock.addr(), "KeInitializeSpinLock");
    // SAFETY: `lock` is writable, as the caller guarantees.
    unsafe { lock.write(0) };
}

/// Raises to `DISPATCH_LEVEL`, acquires a spin lock, and returns the old IRQL.
///
/// # Safety
///
/// `lock` must be an initialised spin lock.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeAcquireSpinLockRaiseToDpc(lock: PKSPIN_LOCK) -> KIRQL {
    let machine = enter();
    let call = "KeAcquireSpinLock";
    if irql::current() > DISPATCH {
        refuse(&machine, 0x42, lock, call);
    }
    require_resident(&machine, lock.addr(), call);
    let before = irql::raise(DISPATCH);
    // SAFETY: An initialised spin lock, as the caller guarantees.
    unsafe { acquire(&machine, lock) };
    before
}

/// Acquires a spin lock at `DISPATCH_LEVEL`.
///
/// # Safety
///
/// `lock` must be an initialised spin lock.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeAcquireSpinLockAtDpcLevel(lock: PKSPIN_LOCK) {
    let machine = enter();
    let call = "KeAcquireSpinLockAtDpcLevel";
    if irql::current() < DISPATCH {
        refuse(&machine, 0x40, lock, call);
    }
    require_resident(&machine, lock.addr(), call);
    // SAFETY: An initialised spin lock, as the caller guarantees.
    unsafe { acquire(&machine, lock) };
}

/// Releases a spin lock and lowers the IRQL.
///
/// # Safety
///
/// `lock` must be an initialised spin lock.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeReleaseSpinLock(lock: PKSPIN_LOCK, new_irql: KIRQL) {
    let machine = enter();
    let call = "KeReleaseSpinLock";
    if irql::current() != DISPATCH {
        refuse(&machine, 0x32, lock, call);
    }
    // SAFETY: An initialised spin lock, as the caller guarantees.
    unsafe { release(lock, call) };
    lower_checked(&machine, new_irql, call);
}

/// Releases a spin lock at `DISPATCH_LEVEL`.
///
/// # Safety
///
/// `lock` must be an initialised spin lock.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeReleaseSpinLockFromDpcLevel(lock: PKSPIN_LOCK) {
    let machine = enter();
    let call = "KeReleaseSpinLockFromDpcLevel";
    if irql::current() < DISPATCH {
        refuse(&machine, 0x41, lock, call);
    }
    // SAFETY: An initialised spin lock, as the caller guarantees.
    unsafe { release(lock, call) };
}
