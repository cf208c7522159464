//! The framework under a KMDF driver: what WDFLDR.SYS and Wdf01000.sys are on Windows, as far as
//! this project exercises them.
//!
//! A driver reaches it only as it reaches the real one, through `WdfVersionBind` and the function
//! table, and it reaches the kernel only through the functions declared in `kmdf_sys::ntddk`.
//! The same crate runs over `nt-model` in a test process and, as a kernel image, under Wine.
//!
//! What the framework does without promising it is withheld where a driver could come to rely on it:
//! small buffers of lookaside lists are not zeroed (MEM-60), unless the driver's `Parameters\Wdf` key
//! has the value `ModelZeroesLookasideBuffers`, which Windows does not know.
//!
//! Numbers such as OBJ-52 or MEM-60 in comments and tests are those of the rules in
//! `docs/framework-rules.md`, which say what the framework does, one observable behaviour each.

#![no_std]
// With a WDK there is a framework, and `cargo wdk build` builds every member: nothing of this one.
#![cfg(not(wdk))]

#[cfg(test)]
extern crate std;

mod attributes;
mod context;
mod dispose_list;
mod entry_list;
mod globals;
mod handle;
mod kernel;
mod locks;
mod lookaside;
mod memory;
mod object;
mod object_api;
mod pool;
mod settings;
mod stop;
mod sync;
mod system_work_item;
mod table;
mod verifier;
mod window;

// The I/O half.
mod bind;
mod device;
mod device_init;
mod dispatch;
mod driver;
mod driver_name;
mod file;
mod interface;
mod irp;
mod live;
mod pnp;
mod queue;
mod request;
mod security;
mod unicode;
mod workitem;

pub use bind::{WdfVersionBind, WdfVersionUnbind};
pub use stop::MODEL_STOP;
pub use window::{Hold, Window, hold_windows};

/// An image must have one: here that is WDFLDR.SYS for Wine.
#[cfg(image)]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    stop::panic(info)
}
