//! The one dev-dependency for the tests of a Windows kernel driver, on Linux, macOS or Windows.
//!
//! A [`Scenario`] boots a model of Windows in the test process, with Driver Verifier on, loads the driver and
//! adds its device. The test opens the device and sends requests. At the end all handles are closed, the
//! device is removed and the driver unloaded, whether the test did so or not; a pool block or a lookaside
//! list that is left fails the test. A mistake of the driver ends the run with the bug check that Windows
//! would show.
//!
//! ```
//! // The driver, as its own crate has it.
//! mod reverser {
//!     use kmdf::prelude::*;
//!
//!     pub const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F);
//!     pub const REVERSE: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x800, Method::Buffered, Access::Any);
//!
//!     kmdf::driver! { interface: INTERFACE, device_control: device_control }
//!
//!     fn device_control(transfer: Transfer<'_>, code: u32, irql: &mut Passive) -> Result<usize> {
//!         if code != REVERSE {
//!             return Err(Error::INVALID_DEVICE_REQUEST);
//!         }
//!         let input = transfer.input(1)?;
//!         let mut memory = Memory::<Paged>::from_bytes(&DriverParent, Tag::DEFAULT, input, irql)?;
//!         memory.bytes_mut(irql).reverse();
//!         transfer.into_output()?.write(memory.bytes(irql))
//!     }
//! }
//!
//! // Its test.
//! use kmdf_test::{Reply, Scenario};
//!
//! fn scenario() -> Scenario {
//!     Scenario::new("reverser", reverser::fx_driver_entry)
//! }
//!
//! fn main() {
//!     // #[test]
//!     scenario().run(|test| {
//!         let file = test.open(reverser::INTERFACE);
//!         assert_eq!(file.ioctl(reverser::REVERSE, b"abc", 3), Reply::success(b"cba"));
//!         let too_small = kmdf::Error::BUFFER_TOO_SMALL.status();
//!         assert_eq!(file.ioctl(reverser::REVERSE, b"abc", 2), Reply::error(too_small));
//!     });
//!
//!     // #[test]: each allocation of pool fails once, from the load of the driver to its unload.
//!     scenario().each_allocation_fails(|test| {
//!         if let Ok(file) = test.try_open(reverser::INTERFACE) {
//!             let reply = file.ioctl(reverser::REVERSE, b"abc", 3);
//!             assert!(reply == Reply::success(b"cba") || test.allocation_failed());
//!         }
//!     });
//! }
//! ```
//!
//! | to test | use |
//! | --- | --- |
//! | a request that waits, and its cancellation | [`File::start_read`], [`File::start_write`], [`File::start_ioctl`], [`Pending`] |
//! | a request at `DISPATCH_LEVEL` | [`File::start_ioctl_from_dpc`] |
//! | several handles, several threads | [`Test::open`] as often as needed; [`Test`] and [`File`] may be shared by threads |
//! | surprise removal, stopping and starting again | [`Test::device`], [`Test::add_device`] |
//! | loading and unloading again | [`Scenario::without_driver`], [`Test::load`] |
//! | an expected bug check | [`Scenario::try_run`] |
//! | an exhausted pool | [`Scenario::fail_allocation`], [`Scenario::each_allocation_fails`], [`Test::each_allocation_fails`] |
//! | a device below that fails, refuses or takes its time | [`Scenario::lower_device`] |
//! | other verifier options, an older Windows, registry values | [`Scenario::config`] |
//! | what the kernel has seen: live pool, debug output, IRQL | [`Test::kernel`] |
//!
//! # When a test fails
//!
//! A driver that does not load and a device that does not start are reported with the calls of the framework
//! that returned an error, as Windows' in-flight recorder has them:
//!
//! ```text
//! adding a device failed: STATUS_UNSUCCESSFUL (0xC0000001)
//!   the last calls that returned an error:
//!     WdfIoQueueCreate(WDFDEVICE, Config (Size 96), no parent) -> STATUS_UNSUCCESSFUL (0xC0000001)
//! ```
//!
//! The same calls, and what the driver printed with `DbgPrint`, follow a failing assertion and a bug check.
//! Output buffers are filled with [`UNTOUCHED`] before each request: a driver that reports more bytes than
//! there is room for, or wrote beyond those it reports, fails the test.
//!
//! # Drivers that do not use `kmdf`
//!
//! A scenario takes the image's entry point, as the kernel calls it: `unsafe extern "C" fn(PDRIVER_OBJECT,
//! PUNICODE_STRING) -> NTSTATUS` ([`DriverEntryPoint`]). A KMDF driver's is `FxDriverEntry`, which binds to
//! the framework and calls `DriverEntry`: `kmdf::driver_entry!` and `kmdf::driver!` define it, and
//! [`kmdf_sys::entry::fx_driver_entry`] makes one of a `DriverEntry` of any other driver. Such a driver takes
//! the names of `wdk-sys` from `kmdf_sys`, which re-exports `wdk-sys` where there is a WDK and declares the
//! same names where there is none. A WDM driver's entry point is its `DriverEntry`:
//!
//! ```
//! use kmdf_test::kmdf_sys::{DRIVER_OBJECT, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_SUCCESS};
//! use kmdf_test::Scenario;
//!
//! unsafe extern "C" fn driver_unload(_driver: *mut DRIVER_OBJECT) {}
//!
//! unsafe extern "C" fn driver_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
//!     // The kernel passes the driver's own object.
//!     unsafe { (*driver).DriverUnload = Some(driver_unload) };
//!     STATUS_SUCCESS
//! }
//!
//! fn main() {
//!     Scenario::new("wdm", driver_entry).without_device().run(|test| {
//!         assert_eq!(test.kernel().verifier().live_blocks, 0);
//!     });
//! }
//! ```
//!
//! # What it does not do
//!
//! One KMDF driver is loaded at a time, because the drivers of a process share the statics that each image
//! has for itself on Windows. What Windows itself does in ways that the models do not know is not tested:
//! [`nt_model`] and [`kmdf_model`] say what they leave out, and stop the run by name when a driver needs it.

// With a WDK there is a kernel, and `cargo wdk build` builds every member: nothing of this one.
#![cfg(not(wdk))]

mod file;
mod report;
mod scenario;

// The driver's imports of the framework are defined in `kmdf_model`, those of the kernel in `nt_model`.
pub use {kmdf_model, kmdf_sys, nt_model};

pub use file::{File, Pending, Reply, UNTOUCHED};
pub use nt_model::{
    Access, Caller, Config, Device, Driver, DriverEntryPoint, IoStatus, Kernel, LowResources,
    LowerRequest, NtStatus, Pool, RegistryData, RegistryValue, Stop, TagUse, Verifier,
    VerifierReport, Windows,
};
pub use report::{Failure, Refused};
pub use scenario::{Scenario, Test};
