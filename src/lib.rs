//! `wdfmem`: a KMDF driver that exercises the safe memory wrappers of `kmdf` from device controls.
//!
//! A request takes this path: the framework's queue calls `queue`'s handler; `handlers` decodes the bytes into the
//! [`wdfmem_ioctl::Call`] of the control code and calls that call's handler, which works on the `table` of objects
//! that belong to the request's file object. Request and reply formats are defined in [`wdfmem_ioctl`].
//!
//! All of this crate is safe code; every allocation in it can fail, and nothing in it panics.

#![no_std]
#![forbid(unsafe_code)]

mod debug;
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

// A kernel image must have a panic handler, although nothing in this one panics. With the WDK it is
// Microsoft's, without the WDK that of `kmdf`; in the model the process has one.
#[cfg(image)]
kmdf::panic_handler!();
#[cfg(wdk)]
extern crate wdk_panic as _;
