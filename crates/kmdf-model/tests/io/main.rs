//! The I/O half of the framework model: driver, devices, files, queues and requests, called through
//! the raw function table and driven through the kernel model.
//!
//! Each test names the rule that it checks. What it asserts holds for any framework, except for what
//! `common` sets apart.

#[path = "../common/mod.rs"]
mod common;

mod buffers;
mod calls;
mod cancel;
mod completion;
mod control;
mod devices;
mod dispatch;
mod driver;
// The recorder of the model.
#[cfg(not(other_framework))]
mod failed_calls;
mod faults;
mod files;
mod forward;
mod loading;
mod locked_memory;
mod pnp;
mod power;
mod queues;
mod raw;
mod recorded;
// The windows that the model can hold open.
#[cfg(not(other_framework))]
mod windows;
mod workitems;
