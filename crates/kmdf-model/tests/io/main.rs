//! The I/O half of the framework model: driver, devices, files, queues and requests, called through
//! the raw function table and driven through the kernel model.
//!
//! Each test names the rule that it pins.

mod buffers;
mod cancel;
mod completion;
mod control;
mod devices;
mod dispatch;
mod driver;
mod files;
mod pnp;
mod queues;
