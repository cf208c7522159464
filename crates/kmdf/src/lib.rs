//! Safe wrappers of KMDF's memory calls, and of what a driver needs around them.
//!
//! *Safe code cannot cause a bug check*: what the documentation of the four calls forbids is a
//! compile error here, or an error value, or made harmless.
//!
//! | Windows call | here |
//! | --- | --- |
//! | `WdfMemoryCreate` | [`Memory::new`], [`Memory::new_uninit`], [`Memory::from_bytes`], [`Memory::with_value`], [`Memory::zeroed`], [`Transfer::create_memory`] |
//! | `WdfMemoryCreatePreallocated` | [`PreallocatedMemory::new`], [`Transfer::wrap_input`] |
//! | `WdfMemoryAssignBuffer` | [`PreallocatedMemory::assign`] |
//! | `WdfMemoryGetBuffer` | `bytes` and `bytes_mut` |
//! | `WdfMemoryCopyToBuffer`, `WdfMemoryCopyFromBuffer` | `copy_to` and `copy_from` |
//! | `WdfLookasideListCreate` | [`LookasideList::new`], [`LookasideList::with_memory_parent`] |
//! | `WdfMemoryCreateFromLookaside` | [`LookasideList::allocate`], [`LookasideList::allocate_uninit`] |
//! | `ExInitializePagedLookasideList` | [`PagedLookaside::new`](ExLookaside::new) |
//! | `ExAllocateFromPagedLookasideList` | [`PagedLookaside::allocate`](ExLookaside::allocate) |
//! | `ExFreeToPagedLookasideList` | dropping the [`Entry`] |
//! | `ExDeletePagedLookasideList` | dropping the list and its last entry |
//! | the nonpaged siblings | [`NonPagedLookaside`] |
//! | `DriverEntry`, `WdfDriverCreate` | [`driver!`]; [`driver_entry!`], [`Driver`] |
//! | `KeBugCheckEx` for a panic | [`panic_handler!`] |
//! | `WdfDeviceCreate`, interfaces, links | [`DeviceInit`], [`Device`] |
//! | `WdfIoQueueCreate` | [`Device::create_default_queue`], [`IoHandler`] |
//! | `WdfRequestRetrieve...`, `WdfRequestComplete...` | [`Request`], [`Transfer`], [`Output`] |
//! | `WdfRequestForwardToIoQueue` | [`Request::forward`], [`ManualQueue`] |
//! | `WdfIoQueueRetrieveNextRequest` | [`WaitingRequests::take_next`] |
//! | `WdfIoQueueReadyNotify` | [`ReadyHandler`] |
//! | `CTL_CODE` | [`ctl_code`] |
//! | file objects | [`FileHandler`], [`FileObject`] |
//! | `WDF_DECLARE_CONTEXT_TYPE` | [`context!`] |
//! | `WdfObjectAllocateContext` | [`Device::attach`], [`Queue::attach`], [`FileObject::attach`], [`Request::attach`] |
//! | `ExAllocatePoolWithTag`, `ExFreePoolWithTag` | [`PoolBuffer`], [`PoolBox`]; with the feature `alloc` also `PoolAllocator`, a `#[global_allocator]` |
//! | `WdfSpinLock...`, `WdfWaitLock...` | [`SpinLock`], [`WaitLock`] |
//! | `KeRaiseIrql`, `KeLowerIrql` | [`Passive::raise`], [`Apc::raise`], [`Dispatch::raise`] |
//! | `DbgPrint` | [`debug`] |
//!
//! # A first driver
//!
//! A whole driver: one device, one device interface, and one device control request, which reverses its input by
//! way of memory from the paged pool.
//!
//! ```
//! use kmdf::prelude::*;
//!
//! pub const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F);
//! pub const REVERSE: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x800, Method::Buffered, Access::Any);
//! const TAG: Tag = Tag::new(b"Rev1");
//!
//! kmdf::driver! { interface: INTERFACE, device_control: device_control }
//!
//! fn device_control(transfer: Transfer<'_>, code: u32, irql: &mut Passive) -> Result<usize> {
//!     if code != REVERSE {
//!         return Err(Error::INVALID_DEVICE_REQUEST);
//!     }
//!     let mut memory = Memory::<Paged>::from_bytes(&DriverParent, TAG, transfer.input(1)?, irql)?;
//!     memory.bytes_mut(irql).reverse();
//!     transfer.into_output()?.write(memory.bytes(irql))
//! }
//! # fn main() {
//! #     kmdf_test::Scenario::new("reverser", fx_driver_entry).run(|test| {
//! #         let file = test.open(INTERFACE);
//! #         assert_eq!(file.ioctl(REVERSE, b"abc", 3), kmdf_test::Reply::success(b"cba"));
//! #     });
//! # }
//! ```
//!
//! The crate that becomes the image begins with `#![no_std]`. Only the system and administrators may open the device;
//! every request runs at PASSIVE_LEVEL, and requests run in parallel. [`driver!`] says what it expands to.
//!
//! # A driver in full
//!
//! The same driver without [`driver!`], grown by one thing: each device counts what it has reversed, and a second
//! control code reads the count. `nt_model` and `kmdf_model` run it in this process; the driver itself is the same on
//! Windows.
//!
//! ```
//! use core::sync::atomic::{AtomicU64, Ordering};
//! use kmdf::prelude::*;
//!
//! struct Reverser;
//! kmdf::driver_entry!(Reverser);
//! kmdf::panic_handler!();
//!
//! impl Driver for Reverser {
//!     fn load(_irql: &mut Passive) -> Result<Self> {
//!         Ok(Self)
//!     }
//!
//!     fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
//!         init.set_generated_name(irql);
//!         init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
//!         let device = init.create(State { reversed: AtomicU64::new(0) }, irql)?;
//!         device.create_interface(&INTERFACE, irql)?;
//!         device.create_default_queue(DispatchType::Parallel, Requests, irql)?;
//!         Ok(())
//!     }
//! }
//!
//! /// The context of each device.
//! struct State {
//!     reversed: AtomicU64,
//! }
//! kmdf::context!(State);
//!
//! /// The context of each queue.
//! struct Requests;
//! kmdf::context!(Requests);
//!
//! const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F);
//! const REVERSE: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x800, Method::Buffered, Access::Any);
//! const COUNT: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x801, Method::Buffered, Access::Any);
//! const TAG: Tag = Tag::new(b"Rev1");
//!
//! impl IoHandler for Requests {
//!     type Level = Passive;
//!
//!     fn device_control<'r>(
//!         &self,
//!         queue: Queue<'_>,
//!         request: Request<'r>,
//!         code: u32,
//!         irql: &mut Passive,
//!     ) -> Handled<'r> {
//!         request.complete_with(|transfer| {
//!             let state = queue.device().context::<State>()?;
//!             match code {
//!                 REVERSE => {
//!                     let input = transfer.input(1)?;
//!                     let mut memory = Memory::<Paged>::new(&DriverParent, TAG, input.len(), irql)?;
//!                     memory.copy_from(0, input, irql)?;
//!                     memory.bytes_mut(irql).reverse();
//!                     state.reversed.fetch_add(1, Ordering::Relaxed);
//!                     transfer.into_output()?.write(memory.bytes(irql))
//!                 }
//!                 COUNT => {
//!                     let reversed = state.reversed.load(Ordering::Relaxed);
//!                     transfer.into_output()?.write(&reversed.to_le_bytes())
//!                 }
//!                 _ => Err(Error::INVALID_DEVICE_REQUEST),
//!             }
//!         })
//!     }
//! }
//!
//! /// Its test, on any machine: the driver is loaded, used, unloaded, and leaves nothing behind.
//! fn main() {
//!     use kmdf_test::{Reply, Scenario};
//!
//!     Scenario::new("reverser", fx_driver_entry).run(|test| {
//!         let file = test.open(INTERFACE);
//!         assert_eq!(file.ioctl(REVERSE, b"abc", 3), Reply::success(b"cba"));
//!         assert_eq!(file.ioctl(COUNT, b"", 8), Reply::success(1_u64.to_le_bytes()));
//!     });
//! }
//! ```
//!
//! # Ownership
//!
//! Who deletes a framework object is in its type:
//!
//! * **A Rust value**: [`Memory`], [`PreallocatedMemory`], [`LookasideList`], [`SpinLock`],
//!   [`WaitLock`]. `Drop` deletes the object. If the object's parent is deleted first, the object is
//!   disposed of, but its memory stays valid until the value is dropped: no order is wrong, and
//!   nothing dangles.
//! * **A parent**: [`Device`], [`Queue`], [`FileObject`], borrowed for the time of a callback; and
//!   [`RequestMemory`], [`WrappedInput`], borrowed from a request. They have a lifetime and no
//!   `Drop`.
//! * **A reference count**: [`ExLookaside`], which its clones and its entries keep alive.
//!
//! A [`Request`] is a value that completing consumes; whatever borrows from it has ended by then.
//!
//! What is forgotten with `mem::forget` or left in a `static` is released when the driver is
//! unloaded, after the last code of the driver's own. The whole argument is in `docs/soundness.md`.
//!
//! # IRQL
//!
//! See [`irql`]. In short: a callback gets a witness of its IRQL, which the driver passes on. Calls that
//! touch pageable memory take it. A
//! function that neither names a level nor takes a witness calls nothing of Windows, and may be
//! called at any level that a driver using this crate can reach.
//!
//! `Drop` cannot ask, so all values may be dropped at any IRQL that a driver using this crate can
//! reach. What is pageable is neither touched nor freed nor deleted above PASSIVE_LEVEL: a memory
//! object, [`LookasideList`], [`PoolBuffer`], [`Entry`] or [`PagedLookaside`] of the kind [`Paged`]
//! goes on a list there, by nonpaged memory that was made together with it, and a work item of this
//! crate's releases it at PASSIVE_LEVEL. That takes no further call of the driver, and is done before
//! the driver is unloaded. Dropping cannot fail.
//!
//! # One image for every Windows
//!
//! The minimum supported version is Windows 10 1809 and Windows Server 2019, with KMDF 1.15, which both have.
//! Nothing newer is imported. `ExAllocatePool2` is not needed, as this crate zeroes what it
//! allocates. The four lookaside exports that Windows 11 22H2 added are either replaced by what the
//! headers inlined before ([`ExLookaside::new`]) or looked up by name and used where they are
//! ([`ExLookaside::with_system_routines`]); the first is the default, because a name that is found
//! need not be a function that works, as under Wine. Both variants pass the same tests.
//!
//! # No panic path
//!
//! See "No panic" in `docs/soundness.md`, also for how to check an image.
//!
//! # What this crate does not do
//!
//! * Prevent deadlock between two locks taken in different orders, or a request that is kept for
//!   ever.
//! * Find leaks: a value that is forgotten with `mem::forget` keeps what it owns, at the latest until
//!   the driver is unloaded, without a report.
//! * Allocate infallibly, panic, or link `core::fmt` into the driver. The collections of the crate
//!   `alloc` do all three unless they are used as `PoolAllocator` says.

#![no_std]

#[cfg(feature = "alloc")]
mod allocator;
mod boxed;
pub mod context;
mod control_code;
pub mod debug;
mod deferred;
mod device;
mod driver;
mod drops;
mod file;
pub mod irql;
mod lock;
mod lookaside;
mod memory;
mod object;
pub mod panic;
mod plain;
mod pool;
pub mod prelude;
mod queue;
mod request;
mod status;
mod sync;
mod tag;
#[doc(hidden)]
pub mod text;
mod unload_list;

#[cfg(feature = "alloc")]
pub use allocator::PoolAllocator;
pub use boxed::PoolBox;
pub use context::Context;
pub use control_code::{Access, FILE_DEVICE_UNKNOWN, Method, ctl_code};
pub use device::{Device, DeviceInit};
pub use driver::Driver;
pub use file::{FileHandler, FileObject};
pub use irql::{
    Allows, Apc, AtMostApc, AtMostDispatch, AtPassive, Dispatch, ExecutionLevel, Passive,
};
pub use lock::{SpinLock, WaitLock};
pub use lookaside::{
    Counters, Entry, ExLookaside, ExPool, LookasideList, NonPagedLookaside, PagedLookaside, Supply,
};
pub use memory::{BorrowedBuffer, Buffer, Memory, PreallocatedMemory, UninitMemory};
pub use object::{DriverParent, Parent};
pub use plain::{MAX_BY_VALUE, PAGE_SIZE, Page, Zeroable};
pub use pool::{NonPageable, NonPagedNx, Paged, PoolBuffer, PoolKind};
pub use queue::{DispatchType, IoHandler, ManualQueue, Queue, ReadyHandler, WaitingRequests};
pub use request::{DirectInput, Handled, Output, Request, RequestMemory, Transfer, WrappedInput};
pub use status::{Error, Result};
pub use tag::Tag;
pub use text::{Guid, SDDL_DEVOBJ_SYS_ALL_ADM_ALL, WideText};

/// The guide for those who come from C; its Rust is compiled with the tests of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/from-c.md")]
mod from_c {}

/// What the macros of this crate expand to.
#[doc(hidden)]
pub mod __private {
    pub use crate::driver::driver_entry;
    #[cfg(loom)]
    pub use crate::object::Control;
    pub use kmdf_sys::export_driver_entry;
}
