//! A mailbox: each write request leaves a message, each read request takes the oldest one away.
//!
//! An example of a driver that uses collections of the crate `alloc`. All of it is safe code. It
//! allocates with `try_reserve` and `try_reserve_exact`, and then stays within the capacity, so that an
//! exhausted pool is an error of the request and nothing panics.
//!
//! | request | what it does | status, information |
//! | --- | --- | --- |
//! | write of 1 to [`MESSAGE_BYTES`] bytes | leaves them as a message | the number of bytes |
//! | longer write | nothing | STATUS_INVALID_BUFFER_SIZE, 0 |
//! | write while [`MESSAGES`] are waiting | nothing | STATUS_QUOTA_EXCEEDED, 0 |
//! | write while the pool is exhausted | nothing | STATUS_INSUFFICIENT_RESOURCES, 0 |
//! | read with room for the oldest message | takes it away | its number of bytes |
//! | read with less room | nothing | STATUS_BUFFER_TOO_SMALL, 0 |
//! | read while no message is waiting | nothing | STATUS_NOT_FOUND, 0 |
//!
//! # The allocator
//!
//! | build | global allocator | Windows |
//! | --- | --- | --- |
//! | `--cfg wdk` | `WdkAllocator` of Microsoft's `wdk-alloc` | 10 2004, as it calls `ExAllocatePool2` |
//! | `--cfg image` | `kmdf::PoolAllocator` | 10 1809 |
//! | the model | that of the process; in this driver's tests `kmdf::PoolAllocator` over the model's pool | any |
//!
//! `WdkAllocator` ignores alignments above 16, and leaves behind at unload what was forgotten. This
//! driver asks for no such alignment and forgets nothing. `mailbox.inx` says Windows 10 2004.
//! `docs/kmdf-beside-wdk.md` compares the two.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod driver;
mod mailbox;

pub use driver::INTERFACE;
pub use mailbox::{MESSAGE_BYTES, MESSAGES};

kmdf::driver_entry!(driver::MailboxDriver);

#[cfg(wdk)]
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
#[cfg(image)]
#[global_allocator]
static ALLOCATOR: kmdf::PoolAllocator = kmdf::PoolAllocator::new(kmdf::Tag::new(b"Mail"));

#[cfg(wdk)]
extern crate wdk_panic as _;
#[cfg(image)]
kmdf::panic_handler!();
