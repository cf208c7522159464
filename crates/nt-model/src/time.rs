//! The performance counter, and who the calling thread is.

use crate::machine::{enter, thread_number};
use kmdf_sys::{HANDLE, LARGE_INTEGER, LONGLONG, PLARGE_INTEGER, PPROCESSOR_NUMBER, ULONG};
use std::sync::LazyLock;
use std::time::Instant;

/// Ticks per second, as on Windows since version 10.
const FREQUENCY: LONGLONG = 10_000_000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// # Safety
///
/// `frequency` is null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeQueryPerformanceCounter(frequency: PLARGE_INTEGER) -> LARGE_INTEGER {
    enter();
    if !frequency.is_null() {
        // SAFETY: By the contract of this function.
        unsafe { frequency.cast::<LONGLONG>().write(FREQUENCY) };
    }
    let ticks = START.elapsed().as_nanos() / 100;
    LARGE_INTEGER {
        QuadPart: ticks as LONGLONG,
    }
}

/// Ids are multiples of four, as on Windows.
fn id(number: u32) -> HANDLE {
    (number as usize * 4) as HANDLE
}

#[unsafe(no_mangle)]
extern "C" fn PsGetCurrentThreadId() -> HANDLE {
    enter();
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
