//! The NT kernel in a test process: memory, IRQL, I/O manager, PnP and Driver Verifier.
//!
//! [`run`] boots a machine, runs a scenario on it, and says how it ended: with the scenario's value,
//! or with a [`Stop`], the bug check that Windows would show. Drivers and frameworks reach the
//! kernel through the functions that ntoskrnl.exe exports (`kmdf_sys::ntddk`): linking this crate
//! defines them. Tests reach it through [`Kernel`]: load a driver, add its device, open it, send it
//! requests, and ask the verifier.
//!
//! ```
//! use kmdf_sys::{_POOL_TYPE::PagedPool, ntddk::{ExAllocatePoolWithTag, ExFreePool}};
//! use nt_model::{Config, run};
//!
//! let tag = u32::from_le_bytes(*b"Demo");
//! let stop = run(Config::default(), move |kernel| {
//!     // Calls into the kernel are unsafe; on this one misuse ends in a stop.
//!     let block = unsafe { ExAllocatePoolWithTag(PagedPool, 64, tag) };
//!     assert_eq!(kernel.verifier().live_bytes, 64);
//!     unsafe { ExFreePool(block) };
//!     unsafe { ExFreePool(block) };
//!     unreachable!("the second free does not come back");
//! })
//! .expect_err("a block freed twice is a bug check");
//! assert_eq!((stop.code, stop.parameters[0]), (0xC4, 0x13));
//! println!("{stop}");
//! // bug check 0xC4 DRIVER_VERIFIER_DETECTED_VIOLATION (0x13, 0x0, …) [pool: freed twice]:
//! // ExFreePool of 0x7f…, a paged block of 64 bytes, tag 'Demo', which was already freed
//! ```
//!
//! # What the memory half checks
//!
//! The verifier's bug checks appear when any of its options is on ([`Verifier`]), the kernel's own
//! otherwise.
//!
//! | what a driver did | verifier | kernel |
//! | --- | --- | --- |
//! | allocated 0 bytes | 0xC4/0x0 | 0xC2/0x0 |
//! | allocated or freed pool at too high an IRQL | 0xC4/0x1, 0x2, 0x11, 0x12 | 0xC2/0x8, 0x9 |
//! | freed an address that is not a block, or was already freed | 0xC4/0x10, 0x13 | 0xC2/0x46, 0x7 |
//! | freed with another tag; allocated with a tag that cannot be tracked | 0xC2/0xA, 0x9B to 0x9D | the same without 0x9D |
//! | accessed a block past its end, or after its free | 0xCD, 0xCC | |
//! | wrote around a block | 0xC1, 0xC4/0x51 | 0x19/0x20 for the block before |
//! | wrote to a freed block, or to a free lookaside entry | | 0xC6, 0xC5 when it is used again |
//! | accessed paged pool at `DISPATCH_LEVEL` | 0xD1 | |
//! | kept a spin lock, event or DPC in paged pool | 0xC4/0xE1 | |
//! | left pool, or a lookaside list, behind at unload | 0xC4/0x62, 0xC7 | |
//! | initialised a lookaside list twice, deleted one that is not initialised, freed its memory, made its entries too small | 0xC4/0xCA to 0xCD | 0xC5 for the second |
//! | freed a lookaside entry twice, or to another list | 0xC4/0x13, 0xC2/0xA | 0xC2/0x7, 0xA |
//! | raised the IRQL to a lower level, lowered it to a higher one | 0xC4/0x30, 0x31 | 0x9, 0xA |
//! | acquired a spin lock twice, released one that it does not own | 0xF, 0x10 | 0xF, 0x10 |
//! | used a spin lock, a critical region or an event at the wrong IRQL | 0xC4/0x32, 0x40 to 0x42, 0x3E, 0x11A, 0x11B, 0x80 | 0xA, 0x1 |
//! | waited at `DISPATCH_LEVEL` | 0xC4/0x120 to 0x122 | 0xB8 |
//! | used a paged lookaside list above `APC_LEVEL` | 0xC4/0x20006 | 0xA |
//! | followed a null pointer, or one that was never written | 0x1E, 0xD1 | 0x1E, 0xD1 |
//!
//! Windows notices some of this only by luck: a lookaside entry that is freed twice corrupts its
//! list in silence (NT-7), a freed block that is written to may never be used again. Here every case
//! stops the run, with the bug check that Windows would reach later.
//!
//! # What it does not do
//!
//! - Every image of the process counts as verified, the framework under a driver included: all
//!   pool that is not the kernel's own must be freed when the last driver is unloaded.
//! - A DPC runs on the thread that queues it, or is the test's own ([`File::ioctl_from_dpc`]). There
//!   are no interrupts, APCs, timers or processes.
//! - Waiting is for events only, exceptions are never handled, sessions and quotas do not exist;
//!   calls that ask for such things stop the run by name ([`MODEL_STOP`]).
//! - System calls of the process do not page in paged memory that is passed to them.
//! - Guard pages and paging need a system with pages of 4 KiB. Elsewhere the checks that rest on
//!   them are off, and [`VerifierReport::page_protection`] says so.

// With a WDK there is a kernel, and `cargo wdk build` builds every member: nothing of this one.
#![cfg(not(wdk))]

mod config;
mod critical;
mod debug;
mod device;
mod dpc;
mod driver;
mod event;
mod file;
mod io;
mod irp;
mod irql;
mod kernel_stack;
mod lock;
mod lookaside;
mod machine;
mod mdl;
mod memory;
mod object;
mod pnp;
mod pool;
mod registry;
mod routine;
mod rtl;
mod shut_down;
mod slist;
mod status;
mod stop;
mod time;
mod verifier;
mod workitem;

pub use config::{Config, LowResources, RegistryData, RegistryValue, Verifier, Windows};
pub use device::security::{Access, Caller};
pub use driver::{Driver, DriverEntryPoint};
pub use file::handle::{File, Pending};
pub use io::request::IoStatus;
pub use machine::{Kernel, run};
pub use pnp::Device;
pub use pnp::lower::LowerRequest;
pub use pool::Pool;
pub use status::NtStatus;
pub use stop::{MODEL_STOP, Stop};
pub use verifier::{TagUse, VerifierReport};
