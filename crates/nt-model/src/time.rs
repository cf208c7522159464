//! The performance counter, and the identity of the calling thread.

use crate::irql;
use crate::machine::{enter, thread_number};
use kmdf_sys::{
    DISPATCH_LEVEL, HANDLE, KIRQL, LARGE_INTEGER, LONGLONG, PLARGE_INTEGER, PPROCESSOR_NUMBER,
    ULONG,
};
use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::LazyLock;
use std::time::Instant;

/// Ticks per second, as on Windows since version 10.
const FREQUENCY: LONGLONG = 10_000_000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The performance counter and, if asked for, its frequency.
///
/// # Safety
///
/// `frequency` must be null or writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeQueryPerformanceCounter(frequency: PLARGE_INTEGER) -> LARGE_INTEGER {
    enter();
    if !frequency.is_null() {
        // SAFETY: `frequency` is not null, so writable.
        unsafe { frequency.cast::<LONGLONG>().write(FREQUENCY) };
    }
    let ticks = START.elapsed().as_nanos() / 100;
    LARGE_INTEGER {
        QuadPart: ticks as LONGLONG,
    }
}

thread_local! {
    /// Whether the calling thread stands for the idle thread of its processor.
    static IDLE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `action` as a DPC that interrupted the idle thread of this processor.
pub(crate) fn on_idle_thread(action: impl FnOnce()) {
    let before = irql::raise(DISPATCH_LEVEL as KIRQL);
    IDLE.set(true);
    action();
    irql::lower(before);
    IDLE.set(false);
}

/// Ids are multiples of four, as on Windows.
fn id(number: u32) -> HANDLE {
    (number as usize * 4) as HANDLE
}

#[unsafe(no_mangle)]
extern "C" fn PsGetCurrentThreadId() -> HANDLE {
    enter();
    if IDLE.get() {
        return null_mut();
    }
    id(thread_number())
}

/// Every thread of the machine has a processor of its own. The group and number are not modelled.
#[unsafe(no_mangle)]
extern "C" fn KeGetCurrentProcessorNumberEx(number: PPROCESSOR_NUMBER) -> ULONG {
    enter();
    assert!(
        number.is_null(),
        "KeGetCurrentProcessorNumberEx gives the index only"
    );
    thread_number()
}

#[unsafe(no_mangle)]
extern "C" fn PsGetCurrentProcessId() -> HANDLE {
    enter();
    id(std::process::id())
}
