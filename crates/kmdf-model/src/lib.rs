//! The framework under a KMDF driver: what WDFLDR.SYS and Wdf01000.sys are on Windows, as far as
//! this project exercises them.
//!
//! A driver reaches it only as it reaches the framework of Windows, through `WdfVersionBind` and the function
//! table, and it reaches the kernel only through the functions declared in `kmdf_sys::ntddk`.
//! The same crate runs over `nt-model` in a test process and, as a kernel image, under Wine.
//!
//! The model leaves out what the framework does without promising it, where a driver could rely on it:
//! small buffers of lookaside lists are not zeroed (MEM-60), unless the driver's `Parameters\Wdf` key
//! has the value `ModelZeroesLookasideBuffers`, which Windows does not know.
//!
//! Numbers such as OBJ-52 or MEM-60 in comments and tests are those of the rules in
//! `docs/rules/*.md`, which say what the framework does, one observable behaviour each.

#![no_std]
// With a WDK there is a framework, and `cargo wdk build` builds every member: nothing of this one.
#![cfg(not(wdk))]

#[cfg(test)]
extern crate std;

mod device;
mod driver;
mod memory;
mod object;
mod queue;
mod request;
mod support;
mod table;

pub use driver::bind::{WdfVersionBind, WdfVersionUnbind};
pub use support::stop::MODEL_STOP;
pub use support::window::{Hold, Window, hold_windows};
#[cfg(not(image))]
pub use table::failed_calls::{FailedCall, failed_calls, forget_failed_calls};

/// An image must have one: here that is WDFLDR.SYS for Wine.
#[cfg(image)]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    support::stop::panic(info)
}
