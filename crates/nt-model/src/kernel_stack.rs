//! The kernel stack, of 24 KiB on x64: a routine of a driver that needs more stops the run.
//!
//! The stacks of this process are larger, and the models need the room when they report a stop. So the
//! routine runs on the thread's own stack, below which a band is painted where the kernel stack would
//! end. Code that gets there changes the band, because each call writes a return address, and each frame of
//! a page or more touches all of its pages. When the routine returns, the band is checked. A recursion
//! without end meets the guard page of the thread's stack before that, which the fault handler reports
//! in the same way.
//!
//! The frames of the models count as those of the framework and the kernel, as which they serve: they
//! are about as large without optimisation, so that this is stricter than Windows rather than kinder.

use crate::config::Config;
use crate::memory::PAGE;
use crate::stop::{self, Report};
use std::cell::Cell;
use std::hint::black_box;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

/// `UNEXPECTED_KERNEL_MODE_TRAP`, and its first parameter for a double fault, which is what an overflow
/// of the kernel stack ends in.
pub(crate) const UNEXPECTED_KERNEL_MODE_TRAP: u32 = 0x7F;
const DOUBLE_FAULT: u64 = 8;

/// The part of the stack that the system service and the I/O manager use above a driver's routine.
const ABOVE: usize = 2 << 10;
/// Bytes that are painted: no frame reaches over them without touching one.
const BAND: usize = 8 << 10;
const PATTERN: u64 = 0x5AA5_A55A_5AA5_A55A;
/// Room that the thread must have below the band, and that its guard pages may take.
const RESERVE: usize = 64 << 10;

thread_local! {
    /// Whether a routine of a driver runs on this thread.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// The lowest address of the thread's stack; 0 if the system does not say.
    static LOWEST: Cell<usize> = const { Cell::new(0) };
}

/// Notes where the calling thread's stack ends.
#[cfg(unix)]
pub(crate) fn set_lowest(address: usize) {
    LOWEST.set(address);
}

/// Whether a denied access is that of a driver whose thread has overflowed its stack.
pub(crate) fn is_overflow(address: usize) -> bool {
    let lowest = LOWEST.get();
    // The guard pages lie below the stack or, on some systems, are its lowest part.
    INSIDE.get() && lowest != 0 && (lowest - RESERVE..lowest + RESERVE).contains(&address)
}

/// The bug check for a stack overflow.
pub(crate) fn overflow() -> Report {
    Report {
        code: UNEXPECTED_KERNEL_MODE_TRAP,
        parameters: [DOUBLE_FAULT, 0, 0, 0],
        message: String::new(),
    }
}

/// Marks the routine as left when it is dropped.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// Runs a routine of a driver, and stops the run if it used more than a kernel stack.
pub(crate) fn bounded<R>(config: &Config, routine: impl FnOnce() -> R) -> R {
    if INSIDE.replace(true) {
        // Called by one that is measured.
        return routine();
    }
    let _leave = Leave;
    let size = config.kernel_stack.saturating_sub(ABOVE);
    let here = 0_u64;
    let top = (&raw const here).addr() & !7;
    let Some(end) = top.checked_sub(size).filter(|_| has_room(top, size)) else {
        return routine();
    };
    paint(top, end);
    let result = routine();
    black_box(&here);
    if is_touched(end) {
        stop::bug_check(
            UNEXPECTED_KERNEL_MODE_TRAP,
            [DOUBLE_FAULT, 0, 0, 0],
            format!(
                "a routine of the driver took more than {size} bytes of stack, with all that it \
                 called: a kernel stack has {} bytes",
                config.kernel_stack
            ),
        );
    }
    result
}

/// Whether the kernel stack is to be watched, and the thread's own one goes on below its end.
fn has_room(top: usize, size: usize) -> bool {
    // Frames of an instrumented build are several times as large.
    let watched = size != 0 && !cfg!(any(fuzzing, unbounded_stack));
    watched && top.saturating_sub(LOWEST.get()) > size + BAND + RESERVE
}

/// Paints the band below `end`.
#[inline(never)]
fn paint(top: usize, end: usize) {
    // Page by page from the top, as a system that commits stacks on demand has it.
    let below = (&raw const end).addr().min(top) - PAGE;
    for page in (end - BAND..below).rev().step_by(PAGE) {
        // SAFETY: The thread's stack goes on there, as `has_room` found, and nothing in use lies below
        // this frame by a page.
        unsafe { with_exposed_provenance_mut::<u8>(page).write_volatile(0) };
    }
    for word in (end - BAND..end).step_by(8) {
        // SAFETY: As in the loop before; aligned, as `end` is.
        unsafe { with_exposed_provenance_mut::<u64>(word).write_volatile(PATTERN) };
    }
}

/// Whether anything was written to the band below `end`.
#[inline(never)]
fn is_touched(end: usize) -> bool {
    (end - BAND..end).step_by(8).any(|word| {
        // SAFETY: Painted, so it is there.
        (unsafe { with_exposed_provenance::<u64>(word).read_volatile() }) != PATTERN
    })
}
