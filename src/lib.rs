//! `wdfmem`: a KMDF driver that exercises the safe memory wrappers of `kmdf` from device controls.
//!
//! A request takes this path: the framework's queue calls `queue`'s handler, which decodes a
//! [`wdfmem_ioctl::Call`] and matches on it; each call has a function in `handlers`, which works on
//! the `table` of objects that belong to the request's file object. What a caller may send and gets
//! back is the contract's affair: see the crate [`wdfmem_ioctl`].
//!
//! All of this crate is safe code; every allocation in it can fail, and nothing in it panics.

#![no_std]
#![forbid(unsafe_code)]

mod device;
mod driver;
mod file;
mod handlers;
mod object;
mod queue;
mod quota;
mod status;
mod table;

kmdf::driver_entry!(driver::Wdfmem);

/// An image must have one, although nothing in this one panics. On the other routes `kmdf-sys` brings one
/// in: that of `wdk-panic`, or that of the process in which the model runs.
#[cfg(image)]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    kmdf::panic::stop(info)
}
