//! The IOCTL contract between the `wdfmem` driver and its clients: one definition, used by both.
//!
//! A client opens the device by [`INTERFACE_GUID`] and sends one of the [`CALLS`]. A call is a structure that
//! implements [`Call`], such as [`CreateMemory`]; its page has the control code's number ([`Code`]) and, for each
//! field, the bytes of the request that it takes. A [`Message`] is any call with its data.
//!
//! # The bytes of a request
//! A request is a [`Header`] of 16 bytes, the fields of its call, and data where the call takes data. Every number
//! is little-endian and no structure needs alignment, so a buffer at any address serves. A handle, a tag, and a
//! value such as a [`PoolKind`] takes four bytes; what a field's value leaves of the field's bytes is reserved, and
//! zero. In C this is a packed structure for each call, for example
//!
//! ```c
//! #pragma pack(push, 1)
//! struct wdfmem_delete {              // IOCTL 0x0022A054
//!     uint32_t size;                  // 24
//!     uint32_t version;               // VERSION, here 0x00010000
//!     uint64_t reserved;              // 0
//!     uint32_t handle;                // bytes 16..24: the handle,
//!     uint32_t handle_reserved;       // and 0
//! };
//! #pragma pack(pop)
//! ```
//!
//! In Rust the driver turns bytes into a call with [`Call::decode`]; a client makes the bytes with
//! [`Message::encode`].
//!
//! ```
//! use wdfmem_ioctl::{Content, CreateMemory, Message, Parent, PoolKind, Tag};
//!
//! let message = Message::from(CreateMemory {
//!     pool: PoolKind::Paged,
//!     parent: Parent::FileObject,
//!     content: Content::Zeroed,
//!     tag: Tag::new(*b"Mem1").unwrap(),
//!     size: 100,
//! });
//! let mut request = [0; 64];
//! let length = message.encode(&mut request).unwrap();
//! assert_eq!(Message::decode(message.code().number(), &request[..length]), Ok(message));
//! ```
//!
//! # What a refused request changes
//! Nothing. A request that ends with any other status than `STATUS_SUCCESS` leaves every object,
//! every byte and every counter as it found them, and returns no byte of output. One counter is
//! Windows's own: an Ex list counts a miss before it asks the pool, which may have no memory.
//!
//! # How many bytes a request reports
//! The number of bytes transferred (`lpBytesReturned`, the information value) is the length of the
//! reply: [`Call::reply_length`] for `STATUS_SUCCESS`, 0 for every other status. A bulk write, whose
//! second buffer is input, reports the number of bytes that the driver took from it: all of them.
//!
//! # Which status says what
//! Checks run in the order of these rows; a request that is wrong twice gets the upper one. Of two
//! objects that a call names, the list or source is checked through before the entry or target is.
//!
//! | what is wrong | status |
//! | --- | --- |
//! | a buffer's address or length cannot be read or written by the caller (found by Windows, before the driver) | `STATUS_ACCESS_VIOLATION` |
//! | no call has this control code, or the handle was opened without the access its code asks for (found by Windows) | `STATUS_INVALID_DEVICE_REQUEST`, `STATUS_ACCESS_DENIED` |
//! | the input is absent, or shorter than the call's structure | `STATUS_BUFFER_TOO_SMALL` |
//! | the input is longer than the call's structure and its data, or its length is not the header's `size` | `STATUS_INFO_LENGTH_MISMATCH` |
//! | the header's version is not [`VERSION`] (ignored by query-version, whose purpose is to ask) | `STATUS_REVISION_MISMATCH` |
//! | a reserved field is not zero; a value is not one of its type's; a tag has a character above 127, a character after a zero or neither letter nor digit, or is `BIG`; a length is zero, or above [`MAX_DISPATCH_BYTES`] at `DISPATCH_LEVEL` | `STATUS_INVALID_PARAMETER` |
//! | the output buffer is absent, or shorter than the reply | `STATUS_BUFFER_TOO_SMALL` |
//! | a size is above [`MAX_OBJECT_BYTES`] | `STATUS_INVALID_BUFFER_SIZE` |
//! | a handle was never given out, was deleted, or belongs to another file object | `STATUS_INVALID_HANDLE` |
//! | a handle's object is not of a kind that the call works on | `STATUS_OBJECT_TYPE_MISMATCH` |
//! | an entry is freed to a list that it did not come from | `STATUS_INVALID_PARAMETER` |
//! | a list is deleted while something taken from it is still out | `STATUS_DEVICE_BUSY` |
//! | pageable memory is asked for at `DISPATCH_LEVEL` | `STATUS_NOT_SUPPORTED` |
//! | bytes are read from past the end of an object, as `WdfMemoryCopyToBuffer` says it | `STATUS_BUFFER_TOO_SMALL` |
//! | bytes are written past the end of an object, as `WdfMemoryCopyFromBuffer` says it | `STATUS_INVALID_BUFFER_SIZE` |
//! | memory made without zeroing is read before anything was written to it | `STATUS_INVALID_DEVICE_STATE` |
//! | the last handle to the file object was closed meanwhile | `STATUS_FILE_CLOSED` |
//! | the file object's or the device's quota of objects or bytes does not allow it; the bytes of a transform count until its request is completed | `STATUS_QUOTA_EXCEEDED` |
//! | the pool has no memory to keep a new object's handle in | `STATUS_INSUFFICIENT_RESOURCES` |
//! | a size is zero (found by the framework where it is asked, C5 and P3), or below [`MIN_ENTRY_BYTES`] for an Ex list | `STATUS_INVALID_PARAMETER` |
//! | the pool has no memory for the call itself | `STATUS_INSUFFICIENT_RESOURCES` |
//!
//! The device is opened by administrators alone (`STATUS_ACCESS_DENIED` for others), and by no more than
//! [`DEVICE_OPENS`] handles at a time (`STATUS_QUOTA_EXCEEDED`).
//!
//! # Who frees
//! Every object belongs to the file object that made it, whatever its parent in the framework's
//! object tree: no other file object can name it, and what is left when the last handle to the
//! file object is closed is deleted then. The parent decides what would delete it if the driver
//! did not: see [`Parent`].

#![no_std]

mod call;
mod calls;
mod code;
mod describe;
mod field;
mod handle;
mod limits;
mod span;
mod status;
mod values;

pub use call::{Call, CallInfo, Data, Header, Message};
pub use calls::*;
pub use code::{Access, Method, ctl_code};

pub use handle::Handle;
pub use limits::{
    DEVICE_BYTES, DEVICE_OBJECTS, DEVICE_OPENS, FILE_BYTES, FILE_OBJECTS, INTERFACE_GUID,
    MAX_DISPATCH_BYTES, MAX_OBJECT_BYTES, MAX_TRANSFER_BYTES, MIN_ENTRY_BYTES,
};
pub use span::Span;
pub use status::{DecodeError, Status};
pub use values::{
    Capabilities, Content, Level, ObjectKind, Operation, Parent, PoolKind, Routines, Tag, Traits,
};
