//! The I/O half of the framework model: driver, devices, files, queues and requests, called through
//! the raw function table and driven through the kernel model.
//!
//! Each test names the rule that it pins.

mod buffers;
mod calls;
mod cancel;
mod completion;
mod control;
mod devices;
mod dispatch;
mod driver;
mod faults;
mod files;
mod forward;
mod loading;
mod locked_memory;
mod pnp;
mod power;
mod queues;
mod raw;
mod windows;
mod workitems;
